use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use super::{Ground, Kind, PASSWORD, READY_PATIENCE, Service, USER};

/// A mail server, which keeps what it gets.
pub static SMTP: Kind = Kind {
    name: "smtp",
    package: "python3-aiosmtpd",
    programs: &["aiosmtpd", "python3"],
    folders: &["/usr/bin"],
    user: None,
    begin,
    is_ready: |ground| {
        TcpStream::connect(ground.address()).is_ok() && ground.folder.join("wrapped").is_file()
    },
    patience: READY_PATIENCE,
    told: |ground| format!("smtp://127.0.0.1:{}, user {USER}, password {PASSWORD}", ground.port),
};

/// Keeps letters as `1.eml`, `2.eml` ... in its folder, whom they are from and for in front. People whose names say so
/// are refused for now, for good, or get their letters without the sender being told.
const SERVER: &str = r#"
import os, ssl, sys, asyncio
from aiosmtpd.smtp import SMTP, AuthResult

folder, port, tls, user, password = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "tls", sys.argv[4], sys.argv[5]
kept = 0

class Keeper:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("busy@"):
            return "451 4.7.1 Greylisted, come back later"
        if address.startswith("nobody@"):
            return "550 5.1.1 No such user here"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server, session, envelope):
        global kept
        kept += 1
        head = f"From {envelope.mail_from} for {' '.join(envelope.rcpt_tos)} by {getattr(session, 'who', 'nobody')}\n"
        path = os.path.join(folder, f"{kept}.eml")
        with open(path + ".part", "wb") as file:
            file.write(head.encode() + envelope.content)
        os.rename(path + ".part", path)
        if any(address.startswith("silent@") for address in envelope.rcpt_tos):
            server.transport.abort()
        return f"250 2.0.0 Ok: queued as {kept}"

def authenticate(server, session, envelope, mechanism, given):
    good = given.login == user.encode() and given.password == password.encode()
    if good:
        session.who = user
    return AuthResult(success=good, handled=False)

context = None
if tls:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(folder, "server.pem"), os.path.join(folder, "server.key"))

def serve(inside):
    return SMTP(Keeper(), hostname="mail.localhost", authenticator=authenticate, auth_required=tls,
                auth_require_tls=False, require_starttls=tls and not inside, enable_SMTPUTF8=True,
                tls_context=None if inside else context, data_size_limit=100_000, timeout=60)

async def main():
    await asyncio.get_running_loop().create_server(lambda: serve(False), "127.0.0.1", port)
    wrapped = await asyncio.get_running_loop().create_server(lambda: serve(True), "127.0.0.1", 0, ssl=context)
    with open(os.path.join(folder, "wrapped.part"), "w") as file:
        file.write(str(wrapped.sockets[0].getsockname()[1]))
    os.rename(os.path.join(folder, "wrapped.part"), os.path.join(folder, "wrapped"))
    await asyncio.Event().wait()

asyncio.run(main())
"#;

#[expect(clippy::unnecessary_wraps, reason = "as all kinds begin")]
fn begin(ground: &Ground) -> Result<Command, String> {
    let script = ground.put("server.py", SERVER);
    if ground.tls {
        ground.certificate();
    }
    // The package is for the system's own Python, whichever else stands first on the path.
    let mut serve = ground.command("python3");
    serve.arg(script).arg(&ground.folder).arg(ground.port.to_string());
    serve.args([if ground.tls { "tls" } else { "clear" }, USER, PASSWORD]);
    Ok(serve)
}

/// A mail server with its letters.
pub struct Smtp(pub Service);

impl Smtp {
    /// Starts one. `None`, and a note of it, where it is not installed.
    pub fn start(test: &str, tls: bool) -> Option<Self> {
        Service::start(test, &SMTP, tls).map(Self)
    }

    /// The URL as a connection says it; TLS begins when both have agreed on it.
    pub fn url(&self) -> String {
        format!("smtp://localhost:{}", self.0.ground().port)
    }

    /// The URL at which TLS begins with the first byte.
    pub fn wrapped_url(&self) -> String {
        let port = std::fs::read_to_string(self.0.ground().folder.join("wrapped"));
        format!("smtps://localhost:{}", port.expect("a server that is ready said its port"))
    }

    /// The letter with this number, from 1, as soon as it is there.
    pub fn letter(&self, number: usize) -> String {
        let path = self.0.ground().folder.join(format!("{number}.eml"));
        let letter = || std::fs::read_to_string(&path).ok();
        crate::until(&format!("letter {number}"), Duration::from_secs(30), letter).replace("\r\n", "\n")
    }

    /// How many letters there are.
    pub fn count(&self) -> usize {
        let files = std::fs::read_dir(&self.0.ground().folder).expect("the folder of a server can be read");
        files.flatten().filter(|file| file.path().extension().is_some_and(|of| of == "eml")).count()
    }
}
