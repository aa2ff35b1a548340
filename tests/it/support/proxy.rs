//! A proxy between the binary, or a store of the test itself, and PostgreSQL that does harm on purpose: it kills the binary at
//! one of its requests, cuts its connection at a COMMIT, or holds a request back.
//!
//! A request is what makes the server act: the start of a session, a simple query, or the Sync that ends a group of messages. (Not
//! counted are the Syncs that only close prepared statements, and the end of a session: when they come is up to the
//! scheduler.) *Before* means that the server never sees the request; *after*, that it does all of it and the binary
//! never hears of it.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, as it should"
)]

use std::io::{self, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use tokio_postgres::config::Host;

/// On which side of a request harm is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    Before,
    After,
}

/// What harm is done. Requests and COMMITs count from 1, over all connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// SIGKILL at this request.
    Kill { request: usize, when: When },
    /// The connection is lost at this COMMIT.
    Cut { commit: usize, when: When },
    /// The so many-th simple query that begins with these words waits until [`Proxy::go`].
    Hold { words: &'static str, nth: usize },
}

/// What became of a run.
#[derive(Debug)]
pub struct Ran {
    pub status: ExitStatus,
    pub stderr: String,
    pub requests: usize,
    pub commits: usize,
    /// Whether the fault came about.
    pub fired: bool,
}

#[derive(Default)]
struct Seen {
    requests: usize,
    commits: usize,
    worded: usize,
    fired: bool,
}

struct Shared {
    fault: Option<Fault>,
    seen: Mutex<Seen>,
    victim: Mutex<Option<Child>>,
    socket: PathBuf,
    done: AtomicBool,
    /// Whether what is held may go on.
    go: Mutex<bool>,
    going: Condvar,
}

/// A proxy that runs until it is dropped.
pub struct Proxy {
    url: String,
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<Connections>,
}

/// The thread that accepts, and at its end those that serve.
type Connections = thread::JoinHandle<Vec<thread::JoinHandle<()>>>;

impl Proxy {
    /// Starts a proxy with a fault before the database of a URL.
    pub fn start(url: &str, fault: Option<Fault>) -> Self {
        let config: tokio_postgres::Config = url.parse().expect("a URL");
        let Some(Host::Unix(directory)) = config.get_hosts().first() else {
            panic!("the tests' PostgreSQL listens on a socket");
        };
        let port = config.get_ports().first().copied().unwrap_or(5432);
        let shared = Arc::new(Shared {
            fault,
            seen: Mutex::default(),
            victim: Mutex::new(None),
            socket: directory.join(format!(".s.PGSQL.{port}")),
            done: AtomicBool::new(false),
            go: Mutex::new(false),
            going: Condvar::new(),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let accepting = {
            let shared = shared.clone();
            thread::spawn(move || accept(&listener, &shared))
        };
        let user = config.get_user().expect("a user");
        let database = config.get_dbname().expect("a database");
        Self {
            url: format!("postgresql://{user}@{address}/{database}"),
            address,
            shared,
            accepting: Some(accepting),
        }
    }

    /// The way to the database by this proxy.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether the fault came about.
    pub fn fired(&self) -> bool {
        self.shared.seen.lock().expect("what was seen").fired
    }

    /// Lets what is held go on.
    pub fn go(&self) {
        *self.shared.go.lock().expect("the gate") = true;
        self.shared.going.notify_all();
    }

    /// Accepts no more.
    fn close(&self) {
        self.shared.done.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.go();
        self.close();
    }
}

/// Runs the binary against the database of a URL, through a proxy with a fault.
pub fn run(url: &str, fault: Option<Fault>, mut command: Command) -> Ran {
    let mut proxy = Proxy::start(url, fault);
    let shared = proxy.shared.clone();
    command.env("DATABASE_URL", proxy.url());
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut pipe = {
        // Held until the child is in its place, so that no connection of it comes before.
        let mut victim = shared.victim.lock().expect("the victim");
        let mut child = command.spawn().expect("the binary");
        let pipe = child.stderr.take().expect("a pipe");
        *victim = Some(child);
        pipe
    };
    let mut stderr = String::new();
    pipe.read_to_string(&mut stderr).expect("standard error");
    let status = shared.reap();
    proxy.close();
    let accepting = proxy.accepting.take().expect("the listener");
    for connection in accepting.join().expect("the listener") {
        connection.join().expect("a connection");
    }
    let seen = shared.seen.lock().expect("what was seen");
    Ran {
        status,
        stderr,
        requests: seen.requests,
        commits: seen.commits,
        fired: seen.fired,
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) -> Vec<thread::JoinHandle<()>> {
    let mut connections = Vec::new();
    for client in listener.incoming() {
        if shared.done.load(Ordering::SeqCst) {
            break;
        }
        let (client, shared) = (client.expect("a connection"), shared.clone());
        // A broken connection is what this is for.
        connections.push(thread::spawn(move || serve(client, &shared).unwrap_or_default()));
    }
    connections
}

fn serve(client: TcpStream, shared: &Shared) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut server = UnixStream::connect(&shared.socket)?;
    let mute = Arc::new(AtomicBool::new(false));
    let answers = {
        let (mut server, mut client, mute) = (server.try_clone()?, client.try_clone()?, mute.clone());
        thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            while let Ok(count @ 1..) = server.read(&mut buffer) {
                if !mute.load(Ordering::SeqCst) && client.write_all(&buffer[..count]).is_err() {
                    mute.store(true, Ordering::SeqCst);
                }
            }
            client.shutdown(Shutdown::Both).ok();
        })
    };
    let mut input = BufReader::new(client.try_clone()?);
    let (mut kind, mut last) = (None, 0);
    while let Ok(message) = read_message(&mut input, kind) {
        let harm = match is_request(&message, kind, last) {
            true => shared.harm(&message),
            false => None,
        };
        if harm == Some(When::After) {
            mute.store(true, Ordering::SeqCst);
        }
        if harm != Some(When::Before) {
            server.write_all(&message)?;
        }
        if harm.is_some() {
            break;
        }
        last = message.first().copied().unwrap_or_default();
        kind = Some(last);
    }
    // The server does what it was told, sees the end, and closes.
    server.shutdown(Shutdown::Write)?;
    answers.join().expect("answers");
    Ok(())
}

/// One message of the frontend: the first has no type.
fn read_message(input: &mut impl Read, before: Option<u8>) -> io::Result<Vec<u8>> {
    let mut message = vec![0; if before.is_none() { 4 } else { 5 }];
    input.read_exact(&mut message)?;
    let head = message.len();
    let length = u32::from_be_bytes(message[head - 4..].try_into().expect("four bytes"));
    message.resize(head - 4 + usize::try_from(length).expect("a length"), 0);
    input.read_exact(&mut message[head..])?;
    Ok(message)
}

fn is_request(message: &[u8], before: Option<u8>, last: u8) -> bool {
    match message.first() {
        _ if before.is_none() => true,
        Some(b'Q') => true,
        Some(b'S') => last != b'C',
        _ => false,
    }
}

impl Shared {
    /// Counts a request, and does the harm that is due at it.
    fn harm(&self, message: &[u8]) -> Option<When> {
        let mut seen = self.seen.lock().expect("what was seen");
        seen.requests += 1;
        let commit = message.first() == Some(&b'Q') && message[5..].starts_with(b"COMMIT");
        seen.commits += usize::from(commit);
        let when = match self.fault? {
            Fault::Kill { request, when } if request == seen.requests => {
                self.victim
                    .lock()
                    .expect("the victim")
                    .as_mut()?
                    .kill()
                    .expect("a kill");
                self.reap();
                when
            }
            Fault::Cut { commit: due, when } if commit && due == seen.commits => when,
            Fault::Hold { words, nth } => {
                let worded = message.first() == Some(&b'Q') && message[5..].starts_with(words.as_bytes());
                seen.worded += usize::from(worded);
                if worded && seen.worded == nth {
                    seen.fired = true;
                    drop(seen);
                    let go = self.go.lock().expect("the gate");
                    drop(self.going.wait_while(go, |go| !*go).expect("the gate"));
                }
                return None;
            }
            Fault::Kill { .. } | Fault::Cut { .. } => return None,
        };
        seen.fired = true;
        Some(when)
    }

    fn reap(&self) -> ExitStatus {
        let mut victim = self.victim.lock().expect("the victim");
        victim.as_mut().expect("a child").wait().expect("its end")
    }
}
