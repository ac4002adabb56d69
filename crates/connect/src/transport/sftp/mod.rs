//! Files over SSH, by SFTP in version 3.

mod reading;
mod session;
mod wire;

use std::sync::Arc;

use sinew_stdx::Timestamp;

use self::reading::Reading;
use self::session::{Line, Session, unread};
use self::wire::{Answer, Ask, Attributes, Named, Part, Unread, status};
use super::files::{self, Call, Chunks, Entry, Files, Gathering, Opened, Start, Store};
use super::sessions::Sessions;
use super::{
    Client, ClientOptions, Content, NotOpened, Place, TransportError, TransportErrorKind as Kind, unique,
};
use crate::dial::Dialer;

/// How much of a file is asked for or sent at once, which every server takes.
const PIECE: u32 = 32 * 1024;
/// How many pieces are under way at once.
const AHEAD: usize = 16;
/// An extension: a file takes the place of another.
const RENAME: &str = "posix-rename@openssh.com";

/// Files of a system under one log-in.
pub(super) fn open(place: Place, options: &ClientOptions) -> Result<Arc<dyn Client>, NotOpened> {
    let dialer = Dialer::new(options.egress.clone(), options.connect, options.tls.clone());
    let line = Line { place, dialer, host_keys: options.host_keys.clone() };
    let system = System { line, sessions: Arc::new(Sessions::new(options.idle_max)) };
    Ok(Arc::new(Files::new(system, options)))
}

struct System {
    line: Line,
    sessions: Arc<Sessions<Session>>,
}

impl System {
    async fn session(&self, call: Call<'_>) -> Result<Session, TransportError> {
        let user = call.login.map_or("anonymous", |login| &login.user);
        while let Some(session) = self.sessions.take(|session| *session.user == *user) {
            if session.stands() {
                return Ok(session);
            }
        }
        self.line.begin(call.login, call.limits.until).await
    }

    /// Keeps a session whose last answer was read to its end.
    fn keep(&self, session: Session, error: Option<&TransportError>) {
        let is_whole = error.is_none_or(|error| error.code.is_some());
        if is_whole && session.stands() {
            self.sessions.put(session);
        }
    }

    /// How long the path is behind which everything is.
    fn base(&self) -> usize {
        Some(self.path("")).filter(|path| path != ".").map_or(0, |path| path.len())
    }

    /// The path at the system: behind that of the URL, which begins at the root, or with `~` where one is after logging in.
    fn path(&self, path: &str) -> String {
        let base = self.line.place.path.trim_matches('/');
        let (root, base) = match base.strip_prefix("~/") {
            Some(rest) => ("", rest.trim_start_matches('/')),
            None if base.is_empty() || base == "~" => ("", ""),
            None => ("/", base),
        };
        let parts: Vec<&str> = [base, path].into_iter().filter(|part| !part.is_empty()).collect();
        let whole = format!("{root}{}", parts.join("/"));
        if whole.is_empty() { ".".to_owned() } else { whole }
    }
}

/// What a status means.
fn refused(code: u32, words: &str, path: &str) -> TransportError {
    let kind = match code {
        status::NOT_THERE => Kind::NotThere,
        status::DENIED => Kind::Forbidden,
        status::NO_CONNECTION | status::LOST => Kind::Lost,
        status::EXISTS => Kind::Conflict,
        _ => Kind::Refused,
    };
    TransportError::new(kind, format!("`{path}`: {words}")).code(code_of(code))
}

fn code_of(status: u32) -> String {
    format!("SFTP {status}")
}

/// Why an answer is not the one that was asked for.
fn other(answer: Answer, path: &str) -> TransportError {
    match answer {
        Answer::Status(code, words) => refused(code, &words, path),
        _ => unread(Unread::Garbled),
    }
}

/// An answer that says no more than that it is done.
fn done(answer: Answer, path: &str) -> Result<(), TransportError> {
    match answer {
        Answer::Status(status::DONE, _) => Ok(()),
        answer => Err(other(answer, path)),
    }
}

fn handle(answer: Answer, path: &str) -> Result<Vec<u8>, TransportError> {
    match answer {
        Answer::Handle(handle) => Ok(handle),
        answer => Err(other(answer, path)),
    }
}

fn attributes(answer: Answer, path: &str) -> Result<Attributes, TransportError> {
    match answer {
        Answer::Attributes(attributes) => Ok(attributes),
        answer => Err(other(answer, path)),
    }
}

/// What tells a state of a file from another.
fn version(attributes: &Attributes) -> Arc<str> {
    let Attributes { size, modified, .. } = attributes;
    format!("{}/{}", size.unwrap_or_default(), modified.unwrap_or_default()).into()
}

/// A file of a folder as it is told; `None` for what is no file, or has a name that is no text.
fn entry(named: &Named) -> Option<Entry> {
    let Attributes { size, mode, modified } = named.attributes;
    let is_file = match mode {
        Some(mode) => mode & 0o170_000 == 0o100_000,
        None => named.long.first() == Some(&b'-'),
    };
    let name = std::str::from_utf8(&named.name).ok().filter(|_| is_file)?;
    if name.is_empty() || name.contains('/') || name.chars().any(char::is_control) {
        return None;
    }
    let modified = Timestamp::from_millis(i64::from(modified.unwrap_or_default()) * 1000);
    Some(Entry { name: name.to_owned(), size: size.unwrap_or_default(), modified })
}

impl Session {
    /// Begins to read a file; gives its handle, and what tells this state of it from others.
    async fn open(&mut self, path: &str) -> Result<(Vec<u8>, Arc<str>), TransportError> {
        /// To be read.
        const READ: u32 = 0x01;
        let parts = [Part::Text(path.as_bytes()), Part::U32(READ), Part::U32(0)];
        let handle = handle(self.ask(Ask::Open, &parts).await?, path)?;
        let said = self.ask(Ask::Fstat, &[Part::Text(&handle)]).await?;
        match attributes(said, path) {
            Ok(attributes) => Ok((handle, version(&attributes))),
            Err(error) => {
                // The session goes on to be used, and handles are few.
                done(self.ask(Ask::Close, &[Part::Text(&handle)]).await?, path)?;
                Err(error)
            }
        }
    }

    async fn list(&mut self, folder: &str, into: &mut Gathering<'_>) -> Result<(), TransportError> {
        let opened = self.ask(Ask::OpenFolder, &[Part::Text(folder.as_bytes())]).await?;
        let handle = handle(opened, folder)?;
        loop {
            match self.ask(Ask::ReadFolder, &[Part::Text(&handle)]).await? {
                Answer::Names(names) => {
                    names.iter().filter_map(entry).try_for_each(|entry| into.add(entry))?;
                }
                Answer::Status(status::END, _) => break,
                answer => return Err(other(answer, folder)),
            }
        }
        done(self.ask(Ask::Close, &[Part::Text(&handle)]).await?, folder)
    }

    /// Writes a file that is not there yet.
    async fn put(&mut self, path: &str, bytes: &[u8]) -> Result<(), TransportError> {
        /// To be written, made, and not there before.
        const NEW: u32 = 0x02 | 0x08 | 0x20;
        let parts = [Part::Text(path.as_bytes()), Part::U32(NEW), Part::U32(0)];
        let handle = handle(self.ask(Ask::Open, &parts).await?, path)?;
        let (mut at, mut under_way, mut written) = (0_u64, 0_usize, Ok(()));
        for piece in bytes.chunks(PIECE as usize) {
            self.send(Ask::Write, &[Part::Text(&handle), Part::U64(at), Part::Text(piece)]).await?;
            (at, under_way) = (at + piece.len() as u64, under_way + 1);
            if under_way == AHEAD {
                under_way -= 1;
                written = done(self.receive().await?.1, path);
            }
            if written.is_err() {
                break;
            }
        }
        for _ in 0..under_way {
            written = written.and(done(self.receive().await?.1, path));
        }
        let closed = done(self.ask(Ask::Close, &[Part::Text(&handle)]).await?, path);
        written.and(closed)
    }

    /// Makes the folders that a file is in, from behind the first bytes of its path on.
    async fn make_folders(&mut self, path: &str, base: usize) {
        let ends = path.match_indices('/').map(|(at, _)| at).filter(|at| *at > base);
        for end in ends {
            // Those that are there refuse; what is wrong with others is seen by what comes next.
            let _ = self.ask(Ask::MakeFolder, &[Part::Text(&path.as_bytes()[..end]), Part::U32(0)]).await;
        }
    }

    /// Gives a file another path, in the place of what may be there.
    async fn name_over(&mut self, path: &str, to: &str) -> Result<(), TransportError> {
        if self.can(RENAME) {
            let parts = [RENAME, path, to].map(|text| Part::Text(text.as_bytes()));
            match self.ask(Ask::Extended, &parts).await.map_err(TransportError::in_doubt)? {
                Answer::Status(status::UNSUPPORTED, _) => {}
                answer => return done(answer, to),
            }
        }
        match self.name(path, to).await {
            // Why it was refused, such a server does not say.
            Err(error) if matches!(error.kind, Kind::Refused | Kind::Conflict) && error.code.is_some() => {
                if !self.is_there(path).await {
                    Err(refused(status::NOT_THERE, "No such file", path))
                } else if self.is_there(to).await {
                    self.replace(path, to).await
                } else {
                    Err(error)
                }
            }
            named => named,
        }
    }

    /// What cannot be done in one step is done in three: the old file goes aside, and comes back if it has to.
    async fn replace(&mut self, path: &str, to: &str) -> Result<(), TransportError> {
        let aside = part_of(to, &unique()?);
        self.name(to, &aside).await?;
        match self.name(path, to).await {
            Ok(()) => {
                // What cannot be cleared away does no harm.
                let _ = self.forget(&aside).await;
                Ok(())
            }
            Err(error) if error.code.is_some() && self.name(&aside, to).await.is_err() => {
                let words = format!("{}; what was there before is at `{aside}`", error.words);
                Err(TransportError { words, ..error }.in_doubt())
            }
            Err(error) => Err(error),
        }
    }

    /// Gives a file another path, where nothing is.
    async fn name(&mut self, path: &str, to: &str) -> Result<(), TransportError> {
        let parts = [path, to].map(|text| Part::Text(text.as_bytes()));
        done(self.ask(Ask::Rename, &parts).await.map_err(TransportError::in_doubt)?, to)
    }

    async fn is_there(&mut self, path: &str) -> bool {
        let said = self.ask(Ask::Stat, &[Part::Text(path.as_bytes())]).await;
        matches!(said, Ok(Answer::Attributes(_)))
    }

    async fn forget(&mut self, path: &str) -> Result<(), TransportError> {
        let removed = self.ask(Ask::Remove, &[Part::Text(path.as_bytes())]).await;
        done(removed.map_err(TransportError::in_doubt)?, path)
    }

    async fn write(
        &mut self,
        path: &str,
        base: usize,
        bytes: &[u8],
        new: bool,
    ) -> Result<(), TransportError> {
        let part = part_of(path, &unique()?);
        // Some servers rename over what is there, whatever they are asked for.
        if new && self.is_there(path).await {
            return Err(files::there_already(path).code(code_of(status::EXISTS)));
        }
        let mut written = self.put(&part, bytes).await;
        if written.as_ref().is_err_and(|error| error.kind == Kind::NotThere) {
            self.make_folders(path, base).await;
            written = self.put(&part, bytes).await;
        }
        if written.is_ok() {
            written = if new { self.name(&part, path).await } else { self.name_over(&part, path).await };
        }
        match written {
            Err(error) if error.code.is_some() && !error.may_have_taken_effect => {
                // What cannot be cleared away does no harm.
                let _ = self.forget(&part).await;
                Err(if new && self.is_there(path).await {
                    files::there_already(path).code(code_of(status::EXISTS))
                } else {
                    error
                })
            }
            written => written,
        }
    }
}

/// Where a file is until it is whole.
fn part_of(path: &str, unique: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    let folder = &path[..path.len() - name.len()];
    format!("{folder}.{name}.{unique}.part")
}

impl Store for System {
    async fn list(
        &self,
        folder: &str,
        into: &mut Gathering<'_>,
        call: Call<'_>,
    ) -> Result<(), TransportError> {
        let mut session = self.session(call).await?;
        let listed = session.list(&self.path(folder), into).await;
        self.keep(session, listed.as_ref().err());
        listed
    }

    async fn open(&self, path: &str, start: &Start, call: Call<'_>) -> Result<Opened, TransportError> {
        let path = self.path(path);
        let mut session = self.session(call).await?;
        let (handle, version) = match session.open(&path).await {
            Ok(opened) => opened,
            Err(error) => {
                self.keep(session, Some(&error));
                return Err(error);
            }
        };
        if start.version.as_ref().is_some_and(|before| *before != version) {
            // The session is left with its open file, and ends.
            return Err(files::changed(&path));
        }
        let session = (session, Arc::clone(&self.sessions));
        let file = (handle, Arc::clone(&version));
        let reading = Reading::begin(session, path, file, start.at, call.limits.read);
        Ok(Opened { version, bytes: Box::new(reading) })
    }

    async fn write(
        &self,
        path: &str,
        content: &Content,
        new: bool,
        call: Call<'_>,
    ) -> Result<(), TransportError> {
        let mut session = self.session(call).await?;
        let written = session.write(&self.path(path), self.base(), &content.bytes, new).await;
        self.keep(session, written.as_ref().err());
        written
    }

    async fn rename(&self, path: &str, to: &str, call: Call<'_>) -> Result<(), TransportError> {
        let mut session = self.session(call).await?;
        if path == to {
            return Ok(());
        }
        let (path, to) = (self.path(path), self.path(to));
        let mut named = session.name_over(&path, &to).await;
        if named.as_ref().is_err_and(|error| error.kind == Kind::NotThere) && session.is_there(&path).await {
            session.make_folders(&to, self.base()).await;
            named = session.name_over(&path, &to).await;
        }
        self.keep(session, named.as_ref().err());
        named
    }

    async fn remove(&self, path: &str, call: Call<'_>) -> Result<(), TransportError> {
        let (mut session, path) = (self.session(call).await?, self.path(path));
        let removed = session.forget(&path).await;
        self.keep(session, removed.as_ref().err());
        match removed {
            Err(error) if error.kind == Kind::NotThere => Ok(()),
            removed => removed,
        }
    }
}
