//! The operating system account that runs the server: our own, or an unprivileged one where we are root.

use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::EmbeddedError;

/// Who runs `initdb`, `pg_ctl` and `postgres`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its user id.
    pub uid: u32,
    /// The account to drop to, where we are root.
    drop_to: Option<Unprivileged>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Unprivileged {
    name: &'static str,
    gid: u32,
}

impl Account {
    /// Ourselves, or where we are root `postgres` if the machine has it, else `nobody`: PostgreSQL refuses to run as root.
    pub fn find() -> Result<Self, EmbeddedError> {
        let own = own_uid()?;
        if own != 0 {
            return Ok(Self {
                uid: own,
                drop_to: None,
            });
        }
        for name in ["postgres", "nobody"] {
            if let (Some(uid), Some(gid)) = (id(&["-u", name]), id(&["-g", name])) {
                return Ok(Self {
                    uid,
                    drop_to: Some(Unprivileged { name, gid }),
                });
            }
        }
        Err(EmbeddedError::NoAccount)
    }

    /// Whether we are root and the server runs as somebody else.
    pub fn is_dropped(&self) -> bool {
        self.drop_to.is_some()
    }

    /// Its name, for messages.
    pub fn name(&self) -> &str {
        self.drop_to.as_ref().map_or("this user", |account| account.name)
    }

    /// A command that runs as this account, in a directory it can enter, without our environment.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/").stdin(Stdio::null()).env_clear();
        // PG* variables, HOME and locale would each change what the programs do.
        for name in ["PATH", "LD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.env("LC_ALL", "C").env("HOME", "/");
        if let Some(account) = &self.drop_to {
            // Setting the user as root also drops root's supplementary groups.
            command.gid(account.gid).uid(self.uid);
        }
        command
    }

    /// Gives a file or directory to this account, where it is not ours already.
    pub fn give(&self, path: &Path) -> std::io::Result<()> {
        match &self.drop_to {
            Some(account) => chown(path, Some(self.uid), Some(account.gid)),
            None => Ok(()),
        }
    }

    /// Whether the account can enter a directory.
    pub fn can_enter(&self, directory: &Path) -> bool {
        if self.drop_to.is_none() {
            return true;
        }
        self.command(Path::new("/bin/sh"))
            .args(["-c", "cd -- \"$1\"", "sh"])
            .arg(directory)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }
}

fn own_uid() -> Result<u32, EmbeddedError> {
    if let Ok(own) = std::fs::metadata("/proc/self") {
        return Ok(own.uid());
    }
    id(&["-u"]).ok_or(EmbeddedError::NoAccount)
}

fn id(arguments: &[&str]) -> Option<u32> {
    let output = Command::new("id").args(arguments).output().ok()?;
    if output.status.success() {
        String::from_utf8_lossy(&output.stdout).trim().parse().ok()
    } else {
        None
    }
}
