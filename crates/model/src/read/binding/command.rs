use std::sync::Arc;

use sinew_diag::{Diagnostic, codes::config};

use crate::binding::{Argument, CommandBinding};
use crate::raw::Node;
use crate::read::fields::Fields;
use crate::read::parameters::properties;
use crate::shape::{Field, Record, Shape, default, did_you_mean, one_of, required};
use crate::{Binding, Effect};

use super::{Binder, Bound};

pub(super) const FIELDS: &[Field] = &[one_of(
    "command",
    Shape::ShortOr(&Shape::List(&Shape::Text), &COMMAND),
    "This command: its name and its arguments. `{name}` in an argument is the input field of that name; `{name*}` by itself a list as several arguments, or an object as its names and values. Commands that only look are a `read`, those that remove are `destructive`, all others a `write`.",
)
.like("[SET, 'order:{id}', '{value}', EX, '{seconds}']")];

static COMMAND: Record = Record {
    name: "command",
    doc: "A command.",
    fields: &[&[
        required("words", Shape::List(&Shape::Text), "The command's name and its arguments.")
            .like("[GET, 'order:{id}']"),
        default(
            "json",
            Shape::Boolean,
            "false",
            "Whether a text in the answer holds JSON, which is then read.",
        ),
    ]],
};

/// Commands that only look (Redis' manual: `@read`, and those that tell of the server).
const READS: &str = "\
    BITCOUNT BITFIELD_RO BITPOS DBSIZE DUMP ECHO EVALSHA_RO EVAL_RO EXISTS EXPIRETIME FCALL_RO GEODIST GEOHASH \
    GEOPOS GEORADIUSBYMEMBER_RO GEORADIUS_RO GEOSEARCH GET GETBIT GETRANGE HEXISTS HGET HGETALL HKEYS HLEN HMGET \
    HRANDFIELD HSCAN HSTRLEN HVALS INFO KEYS LASTSAVE LCS LINDEX LLEN LPOS LRANGE MEMORY MGET OBJECT PEXPIRETIME \
    PFCOUNT PING PTTL RANDOMKEY SCAN SCARD SDIFF SINTER SINTERCARD SISMEMBER SMEMBERS SMISMEMBER SORT_RO \
    SRANDMEMBER SSCAN STRLEN SUBSTR SUNION TIME TTL TYPE XINFO XLEN XPENDING XRANGE XREAD XREVRANGE ZCARD ZCOUNT \
    ZDIFF ZINTER ZINTERCARD ZLEXCOUNT ZMSCORE ZRANDMEMBER ZRANGE ZRANGEBYLEX ZRANGEBYSCORE ZRANK ZREVRANGE \
    ZREVRANGEBYLEX ZREVRANGEBYSCORE ZREVRANK ZSCAN ZSCORE ZUNION";
/// Commands that remove.
const REMOVES: &str = "\
    DEL FLUSHALL FLUSHDB GETDEL UNLINK";
/// Commands that make something else of the session, which others use too.
const OF_SESSIONS: &str = "\
    ASKING AUTH CLIENT DISCARD EXEC HELLO MONITOR MULTI PSUBSCRIBE PSYNC QUIT READONLY READWRITE RESET SELECT \
    SHUTDOWN SSUBSCRIBE SUBSCRIBE SYNC UNWATCH WATCH";

fn is_one_of(words: &str, name: &str) -> bool {
    words.split_whitespace().any(|word| word == name)
}

pub(super) fn read(binder: &mut Binder<'_, '_, '_>) -> Option<Bound> {
    let node = binder.node;
    let long = (!node.entries().is_empty()).then(|| Fields::of(node, &COMMAND));
    let words: &[Node] = long.map_or_else(|| node.items(), |fields| fields.items("words"));
    let Some((first, rest)) = words.split_first() else {
        binder.reader.error(config::STATEMENT, "there is no command", node.place.clone());
        return None;
    };
    let name = first.text()?.to_ascii_uppercase();
    if is_one_of(OF_SESSIONS, &name) || name.contains(['{', ' ']) {
        let message = format!("`{name}` is no command that an operation can be");
        binder.reader.out.push(
            Diagnostic::error(config::STATEMENT, message)
                .at(first.place.clone())
                .help("one command of one word, that changes nothing of the session which others use too; its arguments follow as words of their own"),
        );
        return None;
    }
    let known = binder.input.and_then(properties);
    let mut arguments = Vec::with_capacity(rest.len());
    for word in rest {
        let Some(argument) = word.text().and_then(Argument::read) else {
            let message = "a brace or star stands alone: a field is written `{name}`, a list of arguments `{name*}`, a brace `{{`";
            binder.reader.error(config::STATEMENT, message, word.place.clone());
            continue;
        };
        for field in argument.fields() {
            if let Some(known) = known.as_ref().filter(|known| !known.contains(&&**field)) {
                let help = did_you_mean(field, known.iter().copied())
                    .unwrap_or_else(|| "list it under `properties` of the input".to_owned());
                let message = format!("`{{{field}}}` is no field of the input");
                binder
                    .reader
                    .out
                    .push(Diagnostic::error(config::PARAMETER, message).at(word.place.clone()).help(help));
            }
        }
        arguments.push(argument);
    }
    let effect = match name.as_str() {
        name if is_one_of(READS, name) => Effect::Read,
        name if is_one_of(REMOVES, name) => Effect::Destructive,
        _ => Effect::Write,
    };
    let json = long.is_some_and(|fields| fields.boolean("json"));
    let binding = CommandBinding { name: Arc::from(name), arguments, json };
    Some(Bound { binding: Binding::Command(Arc::new(binding)), effect, pagination: None })
}
