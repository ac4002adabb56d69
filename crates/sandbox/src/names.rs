//! Word lists that people, companies and jobs are made of.

/// Names and telephone habits of one country.
pub(crate) struct Locale {
    /// ISO 3166-1 alpha-2.
    pub(crate) country: &'static str,
    pub(crate) dial_code: &'static str,
    /// As written, and in the ASCII of an e-mail address.
    pub(crate) first: &'static [(&'static str, &'static str)],
    pub(crate) last: &'static [(&'static str, &'static str)],
}

pub(crate) const LOCALES: &[Locale] = &[
    Locale {
        country: "DE",
        dial_code: "49",
        first: &[
            ("Jürgen", "juergen"),
            ("Anke", "anke"),
            ("Björn", "bjoern"),
            ("Käthe", "kaethe"),
            ("Moritz", "moritz"),
        ],
        last: &[
            ("Müller", "mueller"),
            ("Weiß", "weiss"),
            ("Schröder", "schroeder"),
            ("Krämer", "kraemer"),
            ("Vogel", "vogel"),
        ],
    },
    Locale {
        country: "FR",
        dial_code: "33",
        first: &[
            ("Zoé", "zoe"),
            ("Benoît", "benoit"),
            ("Chloé", "chloe"),
            ("Éric", "eric"),
            ("Océane", "oceane"),
        ],
        last: &[
            ("Lefèvre", "lefevre"),
            ("Gauthier", "gauthier"),
            ("Du Pré", "dupre"),
            ("Garçon", "garcon"),
            ("Noël", "noel"),
        ],
    },
    Locale {
        country: "GB",
        dial_code: "44",
        first: &[
            ("Oliver", "oliver"),
            ("Siân", "sian"),
            ("Imogen", "imogen"),
            ("Callum", "callum"),
            ("Priya", "priya"),
        ],
        last: &[
            ("Smith-Jones", "smith-jones"),
            ("Taylor", "taylor"),
            ("MacLeod", "macleod"),
            ("Hughes", "hughes"),
            ("Patel", "patel"),
        ],
    },
    Locale {
        country: "IE",
        dial_code: "353",
        first: &[
            ("Seán", "sean"),
            ("Aoife", "aoife"),
            ("Niamh", "niamh"),
            ("Ciarán", "ciaran"),
            ("Róisín", "roisin"),
        ],
        last: &[
            ("O'Brien", "obrien"),
            ("Ó Súilleabháin", "osuilleabhain"),
            ("Byrne", "byrne"),
            ("O'Connor", "oconnor"),
        ],
    },
    Locale {
        country: "ES",
        dial_code: "34",
        first: &[
            ("José", "jose"),
            ("Begoña", "begona"),
            ("Íñigo", "inigo"),
            ("Lucía", "lucia"),
            ("Álvaro", "alvaro"),
        ],
        last: &[
            ("García López", "garcia"),
            ("Núñez", "nunez"),
            ("Ibáñez", "ibanez"),
            ("de la Cruz", "delacruz"),
            ("Ruiz", "ruiz"),
        ],
    },
    Locale {
        country: "PL",
        dial_code: "48",
        first: &[
            ("Łukasz", "lukasz"),
            ("Małgorzata", "malgorzata"),
            ("Paweł", "pawel"),
            ("Żaneta", "zaneta"),
            ("Jędrzej", "jedrzej"),
        ],
        last: &[
            ("Wójcik", "wojcik"),
            ("Kowalska", "kowalska"),
            ("Żukowski", "zukowski"),
            ("Dąbrowska", "dabrowska"),
        ],
    },
    Locale {
        country: "SE",
        dial_code: "46",
        first: &[
            ("Åsa", "asa"),
            ("Göran", "goran"),
            ("Märta", "marta"),
            ("Sören", "soren"),
            ("Linnéa", "linnea"),
        ],
        last: &[
            ("Öberg", "oberg"),
            ("Lindström", "lindstrom"),
            ("Åkesson", "akesson"),
            ("Nyström", "nystrom"),
        ],
    },
    Locale {
        country: "NL",
        dial_code: "31",
        first: &[
            ("Daan", "daan"),
            ("Fenna", "fenna"),
            ("Joris", "joris"),
            ("Maaike", "maaike"),
            ("Noë", "noe"),
        ],
        last: &[
            ("van der Berg", "vanderberg"),
            ("de Vries", "devries"),
            ("'t Hart", "thart"),
            ("Bakker", "bakker"),
        ],
    },
    Locale {
        country: "TR",
        dial_code: "90",
        first: &[
            ("Çağla", "cagla"),
            ("İbrahim", "ibrahim"),
            ("Şule", "sule"),
            ("Gökhan", "gokhan"),
            ("Işıl", "isil"),
        ],
        last: &[("Yıldız", "yildiz"), ("Öztürk", "ozturk"), ("Şahin", "sahin"), ("Güneş", "gunes")],
    },
    Locale {
        country: "VN",
        dial_code: "84",
        first: &[("Thị Hương", "huong"), ("Văn Đức", "duc"), ("Quỳnh", "quynh"), ("Minh", "minh")],
        last: &[("Nguyễn", "nguyen"), ("Trần", "tran"), ("Phạm", "pham"), ("Đặng", "dang")],
    },
    Locale {
        country: "JP",
        dial_code: "81",
        first: &[("陽菜", "hina"), ("翔太", "shota"), ("美咲", "misaki"), ("健", "ken")],
        last: &[("佐藤", "sato"), ("鈴木", "suzuki"), ("高橋", "takahashi"), ("渡辺", "watanabe")],
    },
    Locale {
        country: "GR",
        dial_code: "30",
        first: &[("Γιώργος", "giorgos"), ("Ελένη", "eleni"), ("Νίκος", "nikos"), ("Μαρία", "maria")],
        last: &[
            ("Παπαδόπουλος", "papadopoulos"),
            ("Αγγελοπούλου", "angelopoulou"),
            ("Δημητρίου", "dimitriou"),
        ],
    },
    Locale {
        country: "US",
        dial_code: "1",
        first: &[
            ("Madison", "madison"),
            ("D'Andre", "dandre"),
            ("Hunter", "hunter"),
            ("Guadalupe", "guadalupe"),
            ("Wei", "wei"),
        ],
        last: &[
            ("Johnson", "johnson"),
            ("Washington", "washington"),
            ("Hernández", "hernandez"),
            ("St. John", "stjohn"),
            ("Lee", "lee"),
        ],
    },
];

pub(crate) const COMPANY_HEADS: &[&str] = &[
    "Nordwind",
    "Bluestone",
    "Alder",
    "Kestrel",
    "Meridian",
    "Copper",
    "Quarry",
    "Lumen",
    "Harbour",
    "Fathom",
    "Juniper",
    "Vantage",
    "Granite",
    "Saffron",
    "Tidewater",
    "Ostrava",
    "Pinecrest",
    "Redwood",
    "Solstice",
    "Umbra",
    "Velo",
    "Wren",
    "Zephyr",
    "Ember",
    "Cobalt",
    "Drift",
    "Falcon",
    "Grove",
    "Heron",
    "Indigo",
    "Jasper",
    "Larch",
    "Mistral",
    "Nimbus",
    "Onyx",
    "Prairie",
];

pub(crate) const COMPANY_TAILS: &[&str] = &[
    "Logistics",
    "Systems",
    "Foods",
    "Energy",
    "Health",
    "Labs",
    "Freight",
    "Textiles",
    "Robotics",
    "Finance",
    "Media",
    "Optics",
    "Motors",
    "Materials",
    "Software",
    "Travel",
    "Insurance",
    "Pharma",
    "Retail",
    "Aerospace",
];

/// Title, seniority, department.
pub(crate) const JOBS: &[(&str, &str, &str)] = &[
    ("Chief Executive Officer", "c_level", "executive"),
    ("Chief Financial Officer", "c_level", "finance"),
    ("Chief Information Officer", "c_level", "it"),
    ("VP Operations", "vp", "operations"),
    ("VP Sales", "vp", "sales"),
    ("Head of Procurement", "director", "procurement"),
    ("Director of Engineering", "director", "engineering"),
    ("Head of IT", "director", "it"),
    ("Marketing Manager", "manager", "marketing"),
    ("Integration Manager", "manager", "it"),
    ("Account Manager", "manager", "sales"),
    ("Supply Chain Analyst", "individual", "operations"),
    ("Software Engineer", "individual", "engineering"),
    ("Accountant", "individual", "finance"),
    ("Recruiter", "individual", "people"),
    ("Office Assistant", "entry", "operations"),
];

pub(crate) const INDUSTRIES: &[&str] = &[
    "logistics",
    "software",
    "manufacturing",
    "retail",
    "healthcare",
    "finance",
    "energy",
    "media",
    "education",
    "hospitality",
    "construction",
    "agriculture",
];

/// Country and city.
pub(crate) const CITIES: &[(&str, &str)] = &[
    ("DE", "Hamburg"),
    ("DE", "München"),
    ("FR", "Lyon"),
    ("GB", "Bristol"),
    ("IE", "Cork"),
    ("ES", "València"),
    ("PL", "Gdańsk"),
    ("SE", "Malmö"),
    ("NL", "Utrecht"),
    ("TR", "İzmir"),
    ("VN", "Đà Nẵng"),
    ("JP", "大阪"),
    ("GR", "Θεσσαλονίκη"),
    ("US", "Austin"),
    ("US", "Columbus"),
    ("CH", "Zürich"),
];

pub(crate) const TECHNOLOGIES: &[&str] = &[
    "postgresql",
    "kafka",
    "salesforce",
    "sap",
    "kubernetes",
    "snowflake",
    "shopify",
    "netsuite",
    "workday",
    "jira",
    "mqtt",
    "excel",
];

/// Domains of people, not of companies.
pub(crate) const FREE_MAIL: &[&str] =
    &["gmail.com", "outlook.com", "hotmail.com", "yahoo.com", "proton.me", "gmx.net", "icloud.com"];

pub(crate) const PRODUCTS: &[(&str, &str, u64)] = &[
    ("SKU-1", "Steel bolt M8, box of 100", 1249),
    ("SKU-2", "Cordless drill", 18_900),
    ("SKU-3", "Work gloves, pair", 795),
    ("SKU-4", "Safety goggles", 1450),
    ("SKU-5", "LED floodlight", 5999),
    ("SKU-6", "Cable drum 50 m", 8425),
    ("SKU-7", "Angle grinder", 11_900),
    ("SKU-8", "Tool chest", 24_900),
];
