//! What a worker counts, and the page that tells it to whoever measures: Prometheus' text form, over HTTP on loopback.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::NaiveDate;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::Standing;

/// The longest request that is read.
const REQUEST: usize = 8 * 1024;
/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many requests are answered at once; others wait.
const AT_ONCE: usize = 8;

/// What a worker has counted since it began.
#[derive(Debug, Default)]
pub struct Figures(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    tasks: BTreeMap<&'static str, OfTask>,
    files: BTreeMap<(&'static str, &'static str), u64>,
    lines: BTreeMap<&'static str, u64>,
    breaks: BTreeMap<String, i64>,
    unpaid: BTreeMap<String, u64>,
    proof: OfDay<BTreeMap<&'static str, u64>>,
    safeguarding: OfDay<BTreeMap<String, bool>>,
}

/// What a report of a day came to; none before one was written.
type OfDay<T> = Option<(NaiveDate, T)>;

#[derive(Debug, Default)]
struct OfTask {
    runs: u64,
    failures: u64,
    lost: u64,
    milliseconds: Option<i64>,
    done_at: Option<i64>,
}

impl Figures {
    fn with<T>(&self, count: impl FnOnce(&mut Counted) -> T) -> T {
        count(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes the tasks known, with nothing counted.
    pub(super) fn tasks(&self, names: impl IntoIterator<Item = &'static str>) {
        self.with(|counted| {
            for name in names {
                counted.tasks.entry(name).or_default();
            }
        });
    }

    /// A run ended: how long it took, and, where it was right, when.
    pub(super) fn ran(&self, task: &'static str, milliseconds: i64, done_at: Option<i64>) {
        self.with(|counted| {
            let of = counted.tasks.entry(task).or_default();
            of.runs = of.runs.saturating_add(1);
            of.milliseconds = Some(milliseconds);
            match done_at {
                Some(done_at) => of.done_at = Some(done_at),
                None => of.failures = of.failures.saturating_add(1),
            }
        });
    }

    /// A lease was lost while its task ran.
    pub(super) fn lost(&self, task: &'static str) {
        self.with(|counted| {
            let of = counted.tasks.entry(task).or_default();
            of.lost = of.lost.saturating_add(1);
        });
    }

    /// A file was looked at, and what became of it.
    pub(super) fn file(&self, kind: &'static str, outcome: &'static str) {
        self.with(|counted| {
            let files = counted.files.entry((kind, outcome)).or_default();
            *files = files.saturating_add(1);
        });
    }

    /// Lines of files were taken in.
    pub(super) fn lines(&self, kind: &'static str, count: u64) {
        self.with(|counted| {
            let lines = counted.lines.entry(kind).or_default();
            *lines = lines.saturating_add(count);
        });
    }

    /// How many breaks are not resolved, by class.
    pub(super) fn breaks(&self, breaks: BTreeMap<String, i64>) {
        self.with(|counted| counted.breaks = breaks);
    }

    /// How many merchants are not paid since a payout came back, by the bank's reason.
    pub(super) fn unpaid(&self, unpaid: BTreeMap<String, u64>) {
        self.with(|counted| counted.unpaid = unpaid);
    }

    /// A report of a day was written: how what it proves stands. The newest day counts, none before it that was written again.
    pub(super) fn proven(&self, report: &str, day: NaiveDate, standings: &[Standing]) {
        match report {
            "proof" => {
                let mut unproven = BTreeMap::from(["differs", "incomplete", "missing"].map(|state| (state, 0_u64)));
                for standing in standings.iter().filter(|standing| !standing.is_proven) {
                    let count = unproven.entry(standing.state).or_default();
                    *count = count.saturating_add(1);
                }
                self.with(|counted| keep_newest(&mut counted.proof, day, unproven));
            }
            "safeguarding" => {
                let short: BTreeMap<String, bool> = standings
                    .iter()
                    .map(|standing| (standing.currency.clone(), standing.state == "short"))
                    .collect();
                self.with(|counted| keep_newest(&mut counted.safeguarding, day, short));
            }
            _ => {}
        }
    }

    /// Whether a file was refused so far.
    pub fn refused(&self) -> bool {
        self.with(|counted| counted.files.keys().any(|(_, outcome)| *outcome == "refused"))
    }

    /// Whether a run failed or lost its lease so far.
    pub fn failed(&self) -> bool {
        self.with(|counted| counted.tasks.values().any(|of| of.failures > 0 || of.lost > 0))
    }

    /// All of it in Prometheus' text form.
    pub fn text(&self) -> String {
        self.with(|counted| {
            let mut page = Page(String::new());
            let by_task = |of: fn(&OfTask) -> Option<String>| -> Vec<(String, String)> {
                let rows = counted.tasks.iter();
                rows.filter_map(|(task, counted)| Some((format!("task=\"{task}\""), of(counted)?)))
                    .collect()
            };
            page.family(
                "acquit_worker_runs_total",
                ("counter", "Runs of tasks that ended."),
                &by_task(|of| Some(of.runs.to_string())),
            );
            page.family(
                "acquit_worker_failures_total",
                ("counter", "Runs of tasks that failed."),
                &by_task(|of| Some(of.failures.to_string())),
            );
            page.family(
                "acquit_worker_leases_lost_total",
                ("counter", "Runs of tasks whose lease was lost."),
                &by_task(|of| Some(of.lost.to_string())),
            );
            page.family(
                "acquit_worker_last_run_seconds",
                ("gauge", "How long the last run took."),
                &by_task(|of| of.milliseconds.map(seconds)),
            );
            page.family(
                "acquit_worker_last_success_timestamp_seconds",
                ("gauge", "When a run was right last."),
                &by_task(|of| of.done_at.map(seconds)),
            );
            let files = counted.files.iter();
            let files: Vec<_> = files
                .map(|((kind, outcome), count)| (format!("kind=\"{kind}\",outcome=\"{outcome}\""), count.to_string()))
                .collect();
            page.family(
                "acquit_worker_files_total",
                (
                    "counter",
                    "Files of inboxes that were looked at, by what became of them.",
                ),
                &files,
            );
            let lines = counted.lines.iter();
            let lines: Vec<_> = lines
                .map(|(kind, count)| (format!("kind=\"{kind}\""), count.to_string()))
                .collect();
            page.family(
                "acquit_worker_lines_total",
                ("counter", "Lines of files that were read."),
                &lines,
            );
            let breaks = counted.breaks.iter();
            let breaks: Vec<_> = breaks
                .map(|(class, count)| (format!("class=\"{class}\""), count.to_string()))
                .collect();
            page.family(
                "acquit_open_breaks",
                ("gauge", "Breaks that are not resolved."),
                &breaks,
            );
            let unpaid = counted.unpaid.iter();
            let unpaid: Vec<_> = unpaid
                .map(|(reason, count)| (format!("reason=\"{}\"", escaped(reason)), count.to_string()))
                .collect();
            page.family(
                "acquit_unpaid_merchants",
                (
                    "gauge",
                    "Merchants that are not paid, since a payout came back from their bank account, by the bank's reason.",
                ),
                &unpaid,
            );
            let proof = counted.proof.iter().flat_map(|(_, states)| states);
            let proof: Vec<_> = proof
                .map(|(state, count)| (format!("state=\"{state}\""), count.to_string()))
                .collect();
            page.family(
                "acquit_proof_unproven",
                (
                    "gauge",
                    "Identities that are not proven, and files and statements that are missing, on the newest day whose proof was written.",
                ),
                &proof,
            );
            let short = counted.safeguarding.iter().flat_map(|(_, currencies)| currencies);
            let short: Vec<_> = short
                .map(|(currency, short)| {
                    let value = u8::from(*short).to_string();
                    (format!("currency=\"{}\"", escaped(currency)), value)
                })
                .collect();
            page.family(
                "acquit_safeguarding_short",
                (
                    "gauge",
                    "1 where cash is short of what has to be there, else 0, on the newest day whose safeguarding report was written.",
                ),
                &short,
            );
            page.0
        })
    }
}

fn keep_newest<T>(kept: &mut OfDay<T>, day: NaiveDate, of_day: T) {
    if kept.as_ref().is_none_or(|(newest, _)| *newest <= day) {
        *kept = Some((day, of_day));
    }
}

/// The value of a label, as the text form has it.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Milliseconds as seconds with a decimal point.
fn seconds(milliseconds: i64) -> String {
    let whole = milliseconds.max(0);
    format!("{}.{:03}", whole / 1000, whole % 1000)
}

/// The page while it is written.
struct Page(String);

impl Page {
    fn family(&mut self, name: &str, (kind, help): (&str, &str), rows: &[(String, String)]) {
        if rows.is_empty() {
            return;
        }
        // A text takes all that is written to it.
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        for (labels, value) in rows {
            let _ = writeln!(self.0, "{name}{{{labels}}} {value}");
        }
    }
}

/// An address that is not for us to listen on, or that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Others than this machine could ask there.
    #[error("{0} is not a loopback address: figures are for this machine alone")]
    NotLoopback(SocketAddr),
    /// The system refused.
    #[error("cannot listen on {address}")]
    Refused {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        error: std::io::Error,
    },
}

/// Answers `GET /metrics` on a loopback address until the program ends; gives the address, whose port the system chose where it
/// was 0.
pub async fn serve(address: SocketAddr, figures: Arc<Figures>) -> Result<SocketAddr, ListenError> {
    if !address.ip().is_loopback() {
        return Err(ListenError::NotLoopback(address));
    }
    let refused = |error| ListenError::Refused { address, error };
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let bound = listener.local_addr().map_err(refused)?;
    let places = Arc::new(Semaphore::new(AT_ONCE));
    tokio::spawn(async move {
        loop {
            let Ok(place) = places.clone().acquire_owned().await else {
                return;
            };
            let client = match listener.accept().await {
                Ok((client, _)) => client,
                Err(error) => {
                    // No more open files, for one: it passes.
                    tracing::debug!(%error, "a request for figures was not accepted");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    continue;
                }
            };
            let figures = figures.clone();
            tokio::spawn(async move {
                // Who asks too slowly, or goes away, is told nothing.
                let _ = tokio::time::timeout(PATIENCE, answer(client, &figures)).await;
                drop(place);
            });
        }
    });
    Ok(bound)
}

async fn answer(mut client: TcpStream, figures: &Figures) -> std::io::Result<()> {
    let mut request = Vec::with_capacity(512);
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut bytes = [0; 512];
        let count = client.read(&mut bytes).await?;
        if count == 0 || request.len() >= REQUEST {
            return Ok(());
        }
        request.extend_from_slice(bytes.get(..count).unwrap_or_default());
    }
    let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = target.split('?').next().unwrap_or_default();
    let (status, body) = match (method, path) {
        ("GET", "/metrics") => ("200 OK", figures.text()),
        (_, "/metrics") => ("405 Method Not Allowed", "only GET\n".to_owned()),
        _ => ("404 Not Found", "GET /metrics\n".to_owned()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    client.write_all(head.as_bytes()).await?;
    client.write_all(body.as_bytes()).await?;
    client.shutdown().await
}
