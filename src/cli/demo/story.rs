//! The demo's steps, in order.

use std::{
    io::Write,
    path::PathBuf,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use super::{
    DemoArgs, DemoError,
    claims::{Rows, claim, equal, kept, number, rows},
    writer::{Book, Writer, sys},
};
use crate::{
    lab::{Lab, LabOptions, process::PodProgram},
    topology::{Ordinal, ServerCount},
};

/// Rows that are there before anything is replicated.
const FIRST_ROWS: i64 = 3_000;

pub(super) fn tell(args: &DemoArgs, program: PathBuf, out: &mut dyn Write) -> Result<(), DemoError> {
    let began = Instant::now();
    let home = tempfile::Builder::new().prefix("aku-demo-").tempdir()?;
    let pods = ServerCount::new(4).expect("4 is a server count");
    let lab = Lab::up(LabOptions::new(home.path().join("lab"), pods, PodProgram::aku(program.clone())))?;
    let mut story = Story { lab: &lab, program, out, full: args.full, steps: 0 };
    let told = story.all();
    let down = lab.down();
    told?;
    down?;
    home.close()?;
    writeln!(
        out,
        "\nEverything that was claimed was checked. {:.0} s; no process and no file is left.",
        began.elapsed().as_secs_f64()
    )?;
    Ok(())
}

struct Story<'a> {
    lab: &'a Lab,
    program: PathBuf,
    out: &'a mut dyn Write,
    full: bool,
    steps: usize,
}

/// How much of a command's output is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Show {
    Whole,
    /// Its last line that is not blank.
    LastLine,
}

fn pod(n: u8) -> Ordinal {
    Ordinal::new(n).expect("the demo's pods have small ordinals")
}

fn let_write() {
    // The only pause of the demo: it is the life of a client, not a wait for something.
    thread::sleep(Duration::from_millis(800));
}

fn kept_by(all: &Rows, books: &[Book]) -> Result<usize, DemoError> {
    let mut sum = 0;
    for book in books {
        claim(!book.is_empty(), || "a writer wrote nothing".to_owned())?;
        sum += kept(all, book)?;
    }
    Ok(sum)
}

impl Story<'_> {
    fn all(&mut self) -> Result<(), DemoError> {
        let four = [pod(0), pod(1), pod(2), pod(3)];
        self.step("Four Altibase pods, simulated, each a process of its own; no replication yet")?;
        self.fill()?;

        self.step("Pod 0 starts: it is the source of every copy")?;
        self.aku(&["apply", "start", "--ordinal", "0", "--yes"], 0, Show::LastLine)?;
        let mut writers = vec![self.write_on(0)];

        self.step("Pods 1 to 3 join while clients keep writing on every pod that is open")?;
        for n in 1..=3 {
            if n == 3 {
                self.aku(&["plan", "start", "--ordinal", "3"], 0, Show::Whole)?;
            }
            self.aku(&["apply", "start", "--ordinal", &n.to_string(), "--yes"], 0, Show::LastLine)?;
            writers.push(self.write_on(n));
        }
        let_write();
        let books: Vec<Book> = writers.into_iter().map(Writer::finish).collect();
        let all = equal(self.lab, &four)?;
        let kept = kept_by(&all, &books)?;
        self.ok(&format!("all four pods hold the same {} rows; {kept} acknowledged changes, none lost", all.len()))?;

        self.step("Pod 2 is killed (kill -9) while the others are written to, and comes back")?;
        let writers = [self.write_again(0, 1), self.write_again(1, 1), self.write_again(3, 1)];
        self.lab.kill(pod(2))?;
        let_write();
        self.lab.start(pod(2))?;
        self.aku(&["plan", "start", "--ordinal", "2"], 0, Show::Whole)?;
        self.aku(&["apply", "start", "--ordinal", "2", "--yes"], 0, Show::LastLine)?;
        let books: Vec<Book> = writers.into_iter().map(Writer::finish).collect();
        let all = equal(self.lab, &four)?;
        let kept = kept_by(&all, &books)?;
        self.ok(&format!(
            "nothing was copied anew; all four hold the same {} rows, {kept} changes caught up",
            all.len()
        ))?;

        self.step("Somebody stops a replication by hand on pod 1")?;
        self.lab.sql(pod(1), "ALTER REPLICATION AKU_REP_12 STOP")?;
        self.aku(&["plan", "start", "--ordinal", "1", "--exit-code"], 2, Show::Whole)?;
        self.aku(&["apply", "start", "--ordinal", "1", "--yes"], 0, Show::LastLine)?;
        let senders = number(self.lab, pod(1), "SELECT COUNT(*) FROM V$REPSENDER WHERE REP_NAME = 'AKU_REP_12'")?;
        claim(senders == 1, || "the stopped replication was not started again".to_owned())?;
        self.aku(&["plan", "start", "--ordinal", "1", "--exit-code"], 0, Show::LastLine)?;
        self.ok("found, repaired, and a second look finds nothing to do")?;

        self.step("Pod 3 ends while a client is writing on it without pause")?;
        let writer = self.write_again(3, 2);
        let_write();
        self.aku(&["plan", "end", "--ordinal", "3"], 0, Show::Whole)?;
        self.aku(&["apply", "end", "--ordinal", "3", "--yes"], 0, Show::LastLine)?;
        let book = writer.finish();
        let all = equal(self.lab, &four)?;
        let kept = kept_by(&all, &[book])?;
        let live = "SELECT COUNT(*) FROM SYSTEM_.SYS_REPLICATIONS_ WHERE XSN <> -1";
        claim(number(self.lab, pod(3), live)? == 0, || "pod 3 still keeps a position".to_owned())?;
        for k in 0..3 {
            let sql = format!("{live} AND REPLICATION_NAME = 'AKU_REP_{k}3'");
            claim(number(self.lab, pod(k), &sql)? == 0, || format!("pod {k} still keeps log for pod 3"))?;
        }
        self.ok(&format!("the client was shut out first: all {kept} changes it was told are safe are on pods 0, 1 and 2; no log is kept for pod 3"))?;
        self.aku(&["apply", "end", "--ordinal", "3", "--yes"], 0, Show::LastLine)?;
        self.ok("ending it again changes nothing")?;
        Ok(())
    }

    fn step(&mut self, what: &str) -> Result<(), DemoError> {
        self.steps += 1;
        writeln!(self.out, "\n== {}. {what}", self.steps)?;
        Ok(())
    }

    fn ok(&mut self, what: &str) -> Result<(), DemoError> {
        writeln!(self.out, "ok: {what}")?;
        Ok(())
    }

    fn fill(&mut self) -> Result<(), DemoError> {
        let mut client = self.lab.client(pod(0), &sys())?;
        let failed = |e: crate::db::DbError| DemoError::Claim(format!("filling pod 0: {e}"));
        client.execute("ALTER SESSION SET AUTOCOMMIT = FALSE").map_err(failed)?;
        for i in 1..=FIRST_ROWS {
            client
                .execute(&format!("INSERT INTO T1 VALUES ({}, 'there from the beginning', {i})", -i))
                .map_err(failed)?;
        }
        client.execute("COMMIT").map_err(failed)?;
        drop(client);
        let found = rows(self.lab, pod(0))?.len();
        claim(i64::try_from(found) == Ok(FIRST_ROWS), || format!("pod 0 holds {found} rows instead of {FIRST_ROWS}"))?;
        self.ok(&format!("pod 0 holds {FIRST_ROWS} rows in SYS.T1, the others none"))
    }

    fn write_on(&self, n: u8) -> Writer {
        self.write_again(n, 0)
    }

    /// A writer with fresh keys: `turn` counts the writers a pod has had.
    fn write_again(&self, n: u8, turn: u8) -> Writer {
        let keys = pod(n + 10 * turn);
        Writer::start(keys, self.lab.address(pod(n)))
    }

    /// Runs this program as a user would, shows the command, and checks its exit code.
    fn aku(&mut self, args: &[&str], want: i32, show: Show) -> Result<(), DemoError> {
        writeln!(self.out, "\n$ aku {}", args.join(" "))?;
        let mut command = Command::new(&self.program);
        command
            .args(args)
            .envs(self.lab.environment())
            .env_remove("AKU_SYS_PASSWORD")
            .env_remove("AKU_SYS_PASSWORD_FILE");
        let done = command.output()?;
        let (stdout, stderr) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        let good = done.status.code() == Some(want);
        if self.full || show == Show::Whole || !good {
            for line in stdout.lines().chain(if good && !self.full { "" } else { &stderr }.lines()) {
                writeln!(self.out, "  {line}")?;
            }
        } else if let Some(last) = stderr.lines().chain(stdout.lines()).rfind(|l| !l.trim().is_empty()) {
            writeln!(self.out, "  {last}")?;
        }
        claim(good, || format!("`aku {}` ended with {} instead of exit code {want}", args.join(" "), done.status))
    }
}
