use crate::{Auth, BasicLogin, Destination, Dialect, Family, Keeps};

/// By what means a system is reached. A new one is a variant, its line of [`Words`](crate::shape::Words) and its [`Facts`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Transport {
    /// HTTP.
    #[default]
    Http,
    /// PostgreSQL.
    Postgres,
    /// MySQL and MariaDB.
    Mysql,
    /// Redis and what speaks like it.
    Redis,
    /// Objects of Amazon S3 and of what speaks like it.
    S3,
    /// Files over SSH.
    Sftp,
    /// Mail by SMTP.
    Smtp,
    /// NATS.
    Nats,
    /// AMQP 0-9-1.
    Amqp,
    /// MQTT 3.1.1.
    Mqtt,
    /// Topics of Kafka and of what speaks like it.
    Kafka,
}

/// How a system is listened to that is no HTTP server.
#[derive(Debug)]
pub struct Listens {
    /// What is listened to, for people.
    pub what: &'static str,
    /// One, for people.
    pub example: &'static str,
    /// Whether this can be listened to, and if not, why.
    pub check: fn(&str) -> Result<(), &'static str>,
    /// Listeners have names, under which the system keeps what they have not acknowledged.
    pub groups: bool,
    /// A listener can begin with what is there already.
    pub begins: bool,
    /// What comes has names.
    pub events: bool,
    /// What becomes of what is sent while nobody listens.
    pub keeps: Keeps,
}

/// The bindings that a transport understands, as it understands them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// HTTP requests.
    Http,
    /// Letters.
    Mail,
    /// Statements of this kind.
    Sql(Dialect),
    /// Commands.
    Command,
    /// Files.
    File,
    /// Messages to such addresses.
    Publish(Destination),
}

impl Speaks {
    /// The family of these bindings.
    pub fn family(self) -> Family {
        match self {
            Self::Http => Family::Http,
            Self::Mail => Family::Mail,
            Self::Sql(_) => Family::Sql,
            Self::Command => Family::Command,
            Self::File => Family::File,
            Self::Publish(_) => Family::Publish,
        }
    }
}

/// What is fixed of a transport.
#[derive(Debug)]
pub struct Facts {
    /// What its URLs begin with; the first is usual.
    pub schemes: &'static [Scheme],
    /// The bindings that it understands.
    pub speaks: Speaks,
    /// How it is listened to, if that is not done over HTTP and can be done.
    pub listens: Option<&'static Listens>,
    /// What stands behind the host in its URLs.
    pub path: UrlPath,
    /// A URL of it, for people.
    pub example: &'static str,
    /// The ways to log in, for people.
    pub logins: &'static str,
    /// Whether it logs in like this.
    pub takes: fn(&Auth) -> bool,
}

/// What a URL begins with, and what that says.
#[derive(Debug, PartialEq, Eq)]
pub struct Scheme {
    /// The word.
    pub word: &'static str,
    /// The usual port.
    pub port: u16,
    /// What it says of TLS.
    pub tls: SchemeTls,
}

/// What a scheme says of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemeTls {
    /// There is none.
    Never,
    /// From the first byte.
    Always,
    /// There is none: SSH takes its place.
    Ssh,
    /// It begins when both sides have agreed on it, and nothing goes without unless the connection says so
    /// (`tls: { mode: none }`).
    Agreed,
}

/// What stands behind the host in a transport's URLs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlPath {
    /// Anything.
    Any,
    /// One name: `/orders`. What is named, for people.
    Name(&'static str),
    /// One name, or nothing. What is named, for people.
    Optional(&'static str),
    /// Nothing.
    None,
}

const fn scheme(word: &'static str, port: u16, tls: SchemeTls) -> Scheme {
    Scheme { word, port, tls }
}

static HTTP: Facts = Facts {
    schemes: &[scheme("https", 443, SchemeTls::Always), scheme("http", 80, SchemeTls::Never)],
    speaks: Speaks::Http,
    listens: None,
    path: UrlPath::Any,
    example: "https://api.example.com/v1",
    logins: "any of them but `ssh`",
    takes: |auth| !matches!(auth, Auth::Ssh(_)),
};

static POSTGRES: Facts = Facts {
    schemes: &[scheme("postgres", 5432, SchemeTls::Agreed), scheme("postgresql", 5432, SchemeTls::Agreed)],
    speaks: Speaks::Sql(Dialect::Postgres),
    listens: None,
    path: UrlPath::Name("the database"),
    example: "postgres://db.example.com/orders",
    logins: "`basic` with a user name, or `none`",
    takes: user_or_nobody,
};

static MYSQL: Facts = Facts {
    schemes: &[scheme("mysql", 3306, SchemeTls::Agreed), scheme("mariadb", 3306, SchemeTls::Agreed)],
    speaks: Speaks::Sql(Dialect::Mysql),
    listens: None,
    path: UrlPath::Name("the database"),
    example: "mysql://db.example.com/orders",
    logins: "`basic` with a user name, or `none`",
    takes: user_or_nobody,
};

static REDIS: Facts = Facts {
    schemes: &[scheme("rediss", 6379, SchemeTls::Always), scheme("redis", 6379, SchemeTls::Never)],
    speaks: Speaks::Command,
    listens: Some(&ENTRIES),
    path: UrlPath::Optional("the number of the database"),
    example: "rediss://cache.example.com/0",
    logins: "`basic` with a user name (`default`, where there are only passwords), or `none`",
    takes: user_or_nobody,
};

static S3: Facts = Facts {
    schemes: &[scheme("https", 443, SchemeTls::Always), scheme("http", 80, SchemeTls::Never)],
    speaks: Speaks::File,
    listens: None,
    path: UrlPath::Any,
    example: "https://s3.eu-central-1.amazonaws.com/bucket",
    logins: "`aws_sigv4` with `service: s3`, or `none`",
    takes: |auth| match auth {
        Auth::AwsSigV4(aws) => &*aws.service == "s3",
        auth => matches!(auth, Auth::None),
    },
};

static SFTP: Facts = Facts {
    schemes: &[scheme("sftp", 22, SchemeTls::Ssh)],
    speaks: Speaks::File,
    listens: None,
    path: UrlPath::Any,
    example: "sftp://files.example.com/upload",
    logins: "`ssh` with a key, `basic` with a user name, or `none`",
    takes: |auth| matches!(auth, Auth::Ssh(_)) || user_or_nobody(auth),
};

static SMTP: Facts = Facts {
    schemes: &[scheme("smtp", 587, SchemeTls::Agreed), scheme("smtps", 465, SchemeTls::Always)],
    speaks: Speaks::Mail,
    listens: None,
    path: UrlPath::None,
    example: "smtp://smtp.example.com:587",
    logins: "`basic` with a user name, `bearer`, `oauth2` or `none`",
    takes: |auth| user_or_nobody(auth) || matches!(auth, Auth::Bearer(_) | Auth::OAuth2(_)),
};

static NATS: Facts = Facts {
    schemes: &[scheme("nats", 4222, SchemeTls::Agreed)],
    speaks: Speaks::Publish(Destination::Subject),
    listens: Some(&JETSTREAM),
    path: UrlPath::None,
    example: "nats://broker.example.com",
    logins: "`basic` with a user name, or `none`",
    takes: user_or_nobody,
};

static ENTRIES: Listens = Listens {
    what: "a stream",
    example: "orders",
    check: |key| if key.is_empty() { Err("it is empty") } else { Ok(()) },
    groups: true,
    begins: true,
    events: false,
    keeps: Keeps::Unacknowledged,
};

static JETSTREAM: Listens = Listens {
    what: "a subject of a stream",
    example: "orders.*.paid",
    check: subject,
    groups: true,
    begins: true,
    events: true,
    keeps: Keeps::Unacknowledged,
};

static AMQP: Facts = Facts {
    schemes: &[scheme("amqps", 5671, SchemeTls::Always), scheme("amqp", 5672, SchemeTls::Never)],
    speaks: Speaks::Publish(Destination::RoutingKey),
    listens: Some(&QUEUE),
    path: UrlPath::Optional("the virtual host"),
    example: "amqps://broker.example.com/vhost",
    logins: "`basic` with a user name, or `none`",
    takes: user_or_nobody,
};

static QUEUE: Listens = Listens {
    what: "a queue",
    example: "orders",
    check: queue,
    groups: false,
    begins: false,
    events: true,
    keeps: Keeps::Unacknowledged,
};

/// The name of a queue (AMQP 0-9-1, section 3.1.1).
fn queue(text: &str) -> Result<(), &'static str> {
    match text.len() {
        0 => Err("it is empty"),
        256.. => Err("it is longer than 255 bytes"),
        _ => Ok(()),
    }
}

static MQTT: Facts = Facts {
    schemes: &[scheme("mqtts", 8883, SchemeTls::Always), scheme("mqtt", 1883, SchemeTls::Never)],
    speaks: Speaks::Publish(Destination::Topic),
    listens: Some(&TOPIC),
    path: UrlPath::None,
    example: "mqtts://broker.example.com",
    logins: "`basic` with a user name, or `none`",
    takes: user_or_nobody,
};

static TOPIC: Listens = Listens {
    what: "a topic",
    example: "rooms/+/temperature",
    check: topic,
    groups: true,
    begins: false,
    events: false,
    keeps: Keeps::Unacknowledged,
};

/// A filter of topics (MQTT 3.1.1, section 4.7).
fn topic(text: &str) -> Result<(), &'static str> {
    let mut levels = text.split('/').peekable();
    while let Some(level) = levels.next() {
        match level {
            "#" if levels.peek().is_some() => return Err("`#` stands at its end"),
            "+" | "#" => {}
            _ if level.contains(['+', '#']) => return Err("`+` and `#` stand for whole levels"),
            _ if level.contains('\0') => return Err("it holds a character that no topic may"),
            _ => {}
        }
    }
    if text.is_empty() { Err("it is empty") } else { Ok(()) }
}

static KAFKA: Facts = Facts {
    schemes: &[scheme("kafka+ssl", 9093, SchemeTls::Always), scheme("kafka", 9092, SchemeTls::Never)],
    speaks: Speaks::Publish(Destination::Log),
    listens: Some(&LOG),
    path: UrlPath::None,
    example: "kafka+ssl://broker.example.com:9093",
    logins: "`basic` with a user name, `bearer`, `oauth2`, or `none`",
    takes: |auth| user_or_nobody(auth) || matches!(auth, Auth::Bearer(_) | Auth::OAuth2(_)),
};

static LOG: Listens = Listens {
    what: "a topic",
    example: "orders",
    check: log,
    groups: true,
    begins: true,
    events: true,
    keeps: Keeps::Position,
};

/// The most bytes of the name of a topic of Kafka.
pub(crate) const LOG_BYTES_MAX: usize = 249;

/// The name of a topic of Kafka.
pub(crate) fn log(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > LOG_BYTES_MAX {
        return Err("it has between 1 and 249 characters");
    }
    if !text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)) || matches!(text, "." | "..") {
        return Err("it is made of letters, digits, `.`, `_` and `-`");
    }
    Ok(())
}

/// A subject of NATS, which may have wildcards.
fn subject(text: &str) -> Result<(), &'static str> {
    let mut tokens = text.split('.').peekable();
    while let Some(token) = tokens.next() {
        match token {
            "" => return Err("it has an empty part"),
            ">" if tokens.peek().is_some() => return Err("`>` stands at its end"),
            "*" | ">" => {}
            _ if token.contains(['*', '>']) => return Err("`*` and `>` stand for whole parts"),
            _ if token.chars().any(|c| c.is_whitespace() || c.is_control()) => {
                return Err("it holds white space");
            }
            _ => {}
        }
    }
    Ok(())
}

/// A user name with a password, or nobody.
fn user_or_nobody(auth: &Auth) -> bool {
    matches!(auth, Auth::None | Auth::Basic(BasicLogin::User { .. }))
}

impl Transport {
    /// What is fixed of it.
    pub fn facts(self) -> &'static Facts {
        match self {
            Self::Http => &HTTP,
            Self::Postgres => &POSTGRES,
            Self::Mysql => &MYSQL,
            Self::Redis => &REDIS,
            Self::S3 => &S3,
            Self::Sftp => &SFTP,
            Self::Smtp => &SMTP,
            Self::Nats => &NATS,
            Self::Amqp => &AMQP,
            Self::Mqtt => &MQTT,
            Self::Kafka => &KAFKA,
        }
    }

    /// What a URL's scheme says, if it is one of this transport.
    pub fn scheme(self, word: &str) -> Option<&'static Scheme> {
        self.facts().schemes.iter().find(|scheme| scheme.word.eq_ignore_ascii_case(word))
    }
}
