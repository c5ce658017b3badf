//! Finds, configures and starts three PostgreSQL servers.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use registry_chaos_tests::wait::eventually;
use tokio_postgres::NoTls;

use crate::servers::{Servers, free_ports, on_path, run};

/// PostgreSQL refuses to run as root.
const UNPRIVILEGED_USER: &str = "postgres";
/// On disk where `/tmp` may be memory.
const ASIDE: &str = "/var/tmp";
const DEBIAN_VERSIONS: &str = "/usr/lib/postgresql";
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// "Immediate shutdown": what it held is not needed any more.
const STOP_SIGNAL: &str = "QUIT";

/// Added to initdb's own. Every commit is flushed here and on a standby; what
/// is tuned is memory, room for the log, and the compiler that only large
/// queries gain from.
const CONFIG: &str = "
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
fsync = on
synchronous_commit = on
synchronous_standby_names = 'ANY 1 (s1, s2)'
wal_level = replica
shared_buffers = 512MB
wal_buffers = 64MB
max_wal_size = 8GB
checkpoint_timeout = 30min
jit = off
";

/// Where PostgreSQL's programs are, and who runs them.
#[derive(Debug)]
pub(crate) struct Programs {
    folder: PathBuf,
    /// User and group id when this process is root.
    unprivileged: Option<(u32, u32)>,
}

impl Programs {
    /// # Errors
    /// When PostgreSQL is not installed; says how to.
    pub(crate) fn find() -> anyhow::Result<Self> {
        let complete = |folder: &PathBuf| {
            ["initdb", "pg_basebackup", "postgres"].iter().all(|name| folder.join(name).is_file())
        };
        let mut versions: Vec<(u32, PathBuf)> = fs::read_dir(DEBIAN_VERSIONS)
            .into_iter()
            .flatten()
            .filter_map(|entry| {
                let entry = entry.ok()?;
                Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin")))
            })
            .collect();
        versions.sort_unstable();
        let on_path = on_path("initdb").and_then(|file| Some(file.parent()?.to_owned()));
        let folder = versions.into_iter().rev().map(|(_, folder)| folder).chain(on_path);
        let folder = folder
            .into_iter()
            .find(complete)
            .context("PostgreSQL is not installed: apt-get install postgresql")?;
        let root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
        let unprivileged = if root { Some(ids_of(UNPRIVILEGED_USER)?) } else { None };
        Ok(Self { folder, unprivileged })
    }

    /// A folder that the servers may write, below `parent` if they can get there.
    pub(crate) fn folder(&self, parent: &Path) -> anyhow::Result<Servers> {
        let reachable = |folder: &Path| {
            fs::metadata(folder).is_ok_and(|meta| meta.permissions().mode() & 0o001 != 0)
        };
        let parent = match self.unprivileged {
            Some(_) if !parent.ancestors().all(reachable) => {
                crate::say(&format!(
                    "PostgreSQL works in {ASIDE}: its user {UNPRIVILEGED_USER} cannot get to {}",
                    parent.display()
                ))?;
                Path::new(ASIDE)
            }
            _ => parent,
        };
        let servers = Servers::in_folder(parent, STOP_SIGNAL)?;
        if let Some((user, group)) = self.unprivileged {
            std::os::unix::fs::chown(servers.folder(), Some(user), Some(group))
                .context("giving the folder to the servers' user")?;
        }
        Ok(servers)
    }

    /// Starts a primary and two standbys, and answers how to connect once both
    /// standbys follow.
    pub(crate) async fn start(
        &self,
        servers: &mut Servers,
    ) -> anyhow::Result<tokio_postgres::Config> {
        let ports = free_ports(3)?;
        let mut config = tokio_postgres::Config::new();
        config.host("127.0.0.1").port(ports[0]).user("ledger").dbname("postgres");

        let primary = servers.folder().join("primary");
        let initdb = format!("-D {} -U ledger -A trust -E UTF8 --locale=C -N", primary.display());
        let (program, arguments) = self.command("initdb", &initdb);
        run(&program, &arguments, servers.folder()).await?;
        let file = primary.join("postgresql.conf");
        let defaults = fs::read_to_string(&file).context("reading initdb's configuration")?;
        fs::write(&file, defaults + CONFIG).context("writing the configuration")?;
        self.serve(servers, "primary", ports[0])?;
        eventually("the primary", START_TIMEOUT, || standbys(&config)).await?;

        for (name, port) in ["s1", "s2"].into_iter().zip(&ports[1..]) {
            let folder = servers.folder().join(name);
            let copy = format!(
                "-D {} -h 127.0.0.1 -p {} -U ledger -R -c fast -N",
                folder.display(),
                ports[0]
            );
            let (program, arguments) = self.command("pg_basebackup", &copy);
            run(&program, &arguments, servers.folder()).await?;
            self.serve(servers, name, *port)?;
        }
        eventually("both standbys", START_TIMEOUT, || async {
            Ok(standbys(&config).await?.filter(|standbys| *standbys == 2))
        })
        .await?;
        Ok(config)
    }

    /// The name of the cluster is what the primary knows the standby by.
    fn serve(&self, servers: &mut Servers, name: &str, port: u16) -> anyhow::Result<()> {
        let folder = servers.folder().join(name);
        let arguments = format!("-D {} -c port={port} -c cluster_name={name}", folder.display());
        let (program, arguments) = self.command("postgres", &arguments);
        servers.start(name, &program, &arguments)
    }

    /// A program with its arguments, as the unprivileged user if need be.
    /// `setpriv` becomes the program: the process id stays.
    fn command(&self, name: &str, arguments: &str) -> (PathBuf, Vec<String>) {
        let program = self.folder.join(name);
        let arguments = arguments.split(' ').map(str::to_owned);
        match self.unprivileged {
            None => (program, arguments.collect()),
            Some((user, group)) => {
                let become_user = [
                    format!("--reuid={user}"),
                    format!("--regid={group}"),
                    "--clear-groups".into(),
                ];
                let program = program.display().to_string();
                let all = become_user.into_iter().chain([program]).chain(arguments);
                ("setpriv".into(), all.collect())
            }
        }
    }
}

/// How many standbys a commit may wait for by now.
async fn standbys(config: &tokio_postgres::Config) -> anyhow::Result<Option<i64>> {
    let (client, connection) = config.connect(NoTls).await?;
    let connection = tokio::spawn(connection);
    let row = client
        .query_one(
            "SELECT count(*) FROM pg_stat_replication
             WHERE state = 'streaming' AND sync_state = 'quorum'",
            &[],
        )
        .await?;
    drop(client);
    connection.await??;
    Ok(Some(row.get(0)))
}

fn ids_of(user: &str) -> anyhow::Result<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd").context("reading /etc/passwd")?;
    user_and_group(&users, user).with_context(|| {
        format!("PostgreSQL does not run as root and there is no user {user:?} to run it as")
    })
}

fn user_and_group(passwd: &str, user: &str) -> Option<(u32, u32)> {
    let mut fields =
        passwd.lines().find_map(|line| line.strip_prefix(user)?.strip_prefix(':'))?.split(':');
    let user_id = fields.nth(1)?.parse().ok()?;
    Some((user_id, fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_its_whole_name() {
        let passwd = "postgresx:x:7:8::/:/bin/sh\npostgres:x:105:112:,,,:/var:/bin/bash\n";
        assert_eq!(user_and_group(passwd, "postgres"), Some((105, 112)));
        assert_eq!(user_and_group(passwd, "root"), None);
    }

    #[test]
    fn root_starts_servers_as_another_user() {
        let programs = Programs { folder: "/bin".into(), unprivileged: Some((105, 112)) };
        let (program, arguments) = programs.command("postgres", "-D /data");
        assert_eq!(program, Path::new("setpriv"));
        let expected =
            ["--reuid=105", "--regid=112", "--clear-groups", "/bin/postgres", "-D", "/data"];
        assert_eq!(arguments, expected);
    }
}
