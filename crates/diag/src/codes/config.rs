//! `SNW-1xxx`: what is wrong in a project's files.

use crate::code::codes;

codes! {
    /// The file is not YAML.
    YAML_SYNTAX = "SNW-1001", "The file is not YAML";
    /// The file is not UTF-8.
    NOT_UTF8 = "SNW-1002", "The file is not UTF-8";
    /// Larger than may be.
    TOO_LARGE = "SNW-1003", "Larger than may be";
    /// A field is given twice.
    DUPLICATE_KEY = "SNW-1004", "A field is given twice";
    /// YAML that is not read.
    YAML_FEATURE = "SNW-1005", "YAML that is not read";
    /// A variable is not set.
    UNSET_VARIABLE = "SNW-1006", "A variable is not set";
    /// A document without a kind.
    NO_KIND = "SNW-1007", "A document without a kind";
    /// Unknown kind.
    UNKNOWN_KIND = "SNW-1008", "Unknown kind";
    /// The file is empty.
    EMPTY_FILE = "SNW-1009", "The file is empty";
    /// Unknown field.
    UNKNOWN_FIELD = "SNW-1101", "Unknown field";
    /// A field is missing.
    MISSING_FIELD = "SNW-1102", "A field is missing";
    /// A value of the wrong shape.
    WRONG_SHAPE = "SNW-1103", "A value of the wrong shape";
    /// Unknown word.
    UNKNOWN_WORD = "SNW-1104", "Unknown word";
    /// A value that cannot be.
    INVALID_VALUE = "SNW-1105", "A value that cannot be";
    /// A name that cannot be.
    INVALID_NAME = "SNW-1106", "A name that cannot be";
    /// Exactly one of these.
    ONE_OF = "SNW-1107", "Exactly one of these";
    /// A secret in clear.
    SECRET_IN_CLEAR = "SNW-1108", "A secret in clear";
    /// Nobody owns it.
    NO_OWNER = "SNW-1109", "Nobody owns it";
    /// A runbook that is not there.
    NO_RUNBOOK = "SNW-1110", "A runbook that is not there";
    /// Unknown connector.
    UNKNOWN_CONNECTOR = "SNW-1201", "Unknown connector";
    /// Unknown connection.
    UNKNOWN_CONNECTION = "SNW-1202", "Unknown connection";
    /// Unknown operation.
    UNKNOWN_OPERATION = "SNW-1203", "Unknown operation";
    /// Unknown flow.
    UNKNOWN_FLOW = "SNW-1204", "Unknown flow";
    /// Unknown alert channel.
    UNKNOWN_CHANNEL = "SNW-1205", "Unknown alert channel";
    /// Two resources with one name.
    DUPLICATE_RESOURCE = "SNW-1206", "Two resources with one name";
    /// An expression reads an unknown name.
    UNKNOWN_NAME = "SNW-1207", "An expression reads an unknown name";
    /// A step's name is taken.
    DUPLICATE_STEP = "SNW-1208", "A step's name is taken";
    /// Unknown API.
    UNKNOWN_API = "SNW-1209", "Unknown API";
    /// Unknown upstream.
    UNKNOWN_UPSTREAM = "SNW-1210", "Unknown upstream";
    /// Unknown plan.
    UNKNOWN_PLAN = "SNW-1211", "Unknown plan";
    /// An expression does not compile.
    EXPRESSION = "SNW-1301", "An expression does not compile";
    /// Not a JSON Schema.
    JSON_SCHEMA = "SNW-1302", "Not a JSON Schema";
    /// A write through a connection that may only read.
    ACCESS = "SNW-1303", "A write through a connection that may only read";
    /// Not a schedule.
    INVALID_CRON = "SNW-1304", "Not a schedule";
    /// Unknown time zone.
    UNKNOWN_TIME_ZONE = "SNW-1305", "Unknown time zone";
    /// Two webhooks at one path.
    WEBHOOK_PATH = "SNW-1306", "Two webhooks at one path";
    /// A webhook that nobody verifies.
    UNVERIFIED_WEBHOOK = "SNW-1307", "A webhook that nobody verifies";
    /// Not inside each.
    NOT_IN_EACH = "SNW-1308", "Not inside each";
    /// Flows start one another in a circle.
    FLOW_CYCLE = "SNW-1309", "Flows start one another in a circle";
    /// Nothing to undo.
    UNDO_OF_READ = "SNW-1310", "Nothing to undo";
    /// A parameter without a value.
    PARAMETER = "SNW-1311", "A parameter without a value";
    /// A read is needed.
    NOT_A_READ = "SNW-1312", "A read is needed";
    /// An operation without pages.
    NOT_PAGINATED = "SNW-1313", "An operation without pages";
    /// A retry that could double an effect.
    RETRY_WITHOUT_IDEMPOTENCY = "SNW-1314", "A retry that could double an effect";
    /// An undo that never runs.
    UNDO_NEVER = "SNW-1315", "An undo that never runs";
    /// A description of no use.
    DESCRIPTION = "SNW-1316", "A description of no use";
    /// A field is read that the answer cannot have.
    NOT_ANSWERED = "SNW-1317", "A field that the answer does not have";
    /// A `select` that the schema does not allow.
    SELECTION = "SNW-1318", "A selection that the schema does not allow";
    /// A statement that cannot be one.
    STATEMENT = "SNW-1320", "Not a statement";
    /// Something that the connector's transport does not know.
    TRANSPORT = "SNW-1321", "Nothing for this transport";
    /// A signature that proves too little.
    UNSOUND_SIGNATURE = "SNW-1330", "A signature that proves too little";
    /// The template of a route's path is none.
    ROUTE_TEMPLATE = "SNW-1331", "Not a path template";
    /// Two routes take the same requests.
    ROUTE_CONFLICT = "SNW-1332", "Two routes that cannot be told apart";
    /// An API key that cannot be used.
    GATEWAY_KEY = "SNW-1333", "An API key that cannot be used";
}
