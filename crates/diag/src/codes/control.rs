//! `SNW-6xxx`: the control API and the command line.

use crate::code::codes;

codes! {
    /// No token, or not the right one.
    TOKEN_REFUSED = "SNW-6001", "Token missing or wrong";
    /// The request cannot be understood.
    BAD_REQUEST = "SNW-6002", "Request not understood";
    /// There is nothing at this path.
    NO_SUCH_PATH = "SNW-6003", "Nothing at this path";
    /// The request names a host that this server does not go by.
    HOST_REFUSED = "SNW-6004", "Host not accepted";
    /// The request is too large.
    REQUEST_TOO_LARGE = "SNW-6005", "Request too large";
    /// The answer took too long.
    TOO_SLOW = "SNW-6006", "Answer took too long";
    /// The project is not valid and was not put in force.
    PROJECT_INVALID = "SNW-6007", "Project not valid";
    /// Something went wrong inside.
    INTERNAL = "SNW-6009", "Internal error";
    /// The server cannot be reached.
    UNREACHABLE = "SNW-6010", "Server not reachable";
    /// The server's answer cannot be understood.
    ANSWER_NOT_UNDERSTOOD = "SNW-6011", "Server's answer not understood";
    /// The arguments do not make sense.
    USAGE = "SNW-6012", "Arguments do not fit";
    /// A file cannot be read or written.
    FILE_FAILED = "SNW-6013", "File cannot be read or written";
    /// There is no project here.
    NO_PROJECT = "SNW-6014", "No project here";
    /// The address cannot be listened on.
    CANNOT_LISTEN = "SNW-6015", "Cannot listen on the address";
    /// The expression is not one.
    NOT_AN_EXPRESSION = "SNW-6016", "Expression not understood";
    /// The expression failed on an input.
    MAP_FAILED = "SNW-6017", "Expression failed on the input";
    /// What was asked was not confirmed.
    NOT_CONFIRMED = "SNW-6018", "Not confirmed";
    /// The run did not finish.
    RUN_FAILED = "SNW-6019", "Run did not finish";
}
