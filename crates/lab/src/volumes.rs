//! Volumes of pods: kept aside, put back, cloned (`measured.md` 9.2).
//!
//! A copy is what a kill at that moment would leave, so a pod may run meanwhile. Decides nothing about what the data
//! mean; a volume that is put back has the past that it had, and nobody is told.

use std::{fs, io, path::Path};

use aku_core::topology::Ordinal;

use super::{
    Lab, LabError, Locale,
    lab_error::io_error,
    layout,
    pace::Pace,
    pod::PodConfig,
    process::{self, Life},
    serve::DATA,
};

impl Lab {
    /// Keeps a copy of a pod's data under a name; an older one of that name is replaced. The pod goes on.
    ///
    /// # Errors
    /// The name is not one, the pod has no data, or the system refuses.
    pub fn snapshot(&self, pod: Ordinal, name: &str) -> Result<(), LabError> {
        let to = self.snapshot_dir(pod, name)?;
        self.copy_data(pod, &to)
    }

    /// Kills a pod and puts a copy back that was kept under a name. The pod is down afterwards.
    ///
    /// # Errors
    /// [`LabError::NoSnapshot`], or the system refuses.
    pub fn restore(&self, pod: Ordinal, name: &str) -> Result<(), LabError> {
        let from = self.snapshot_dir(pod, name)?;
        if !from.join(DATA).exists() {
            return Err(LabError::NoSnapshot { pod, name: name.to_owned() });
        }
        self.kill(pod)?;
        replace(&from, &self.pod_dir(pod)).map_err(io_error(format!("cannot restore pod {pod}")))
    }

    /// Kills a pod and gives it a copy of another pod's data: the two then are one database to everybody who knows
    /// databases by DB_SIGNATURE. The pod is down afterwards, the other goes on.
    ///
    /// # Errors
    /// One pod for both, the other pod has no data, or the system refuses.
    pub fn clone_volume(&self, from: Ordinal, to: Ordinal) -> Result<(), LabError> {
        if from == to {
            return Err(LabError::Volume(format!("pod {from} cannot be cloned to itself")));
        }
        self.check(from)?;
        self.kill(to)?;
        self.copy_data(from, &self.pod_dir(to))
    }

    /// Changes how fast a pod answers, from its next start on.
    ///
    /// # Errors
    /// Its settings cannot be read or written.
    pub fn set_pace(&self, pod: Ordinal, pace: Pace) -> Result<(), LabError> {
        self.check(pod)?;
        let dir = self.pod_dir(pod);
        let change = || PodConfig { pace, ..PodConfig::load(&dir)? }.save(&dir);
        change().map_err(io_error(format!("cannot change the settings of pod {pod}")))
    }

    /// Changes what a pod's database says of its characters and its time, from its next start on.
    ///
    /// # Errors
    /// Its settings cannot be read or written.
    pub fn set_locale(&self, pod: Ordinal, change: impl FnOnce(&mut Locale)) -> Result<(), LabError> {
        self.check(pod)?;
        let dir = self.pod_dir(pod);
        let saved = || {
            let mut config = PodConfig::load(&dir)?;
            change(&mut config.locale);
            config.save(&dir)
        };
        saved().map_err(io_error(format!("cannot change the settings of pod {pod}")))
    }

    fn snapshot_dir(&self, pod: Ordinal, name: &str) -> Result<std::path::PathBuf, LabError> {
        self.check(pod)?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if (1..=64).contains(&name.len()) && name.bytes().all(plain) {
            Ok(layout::snapshots(self.dir()).join(format!("pod-{pod}")).join(name))
        } else {
            Err(LabError::Volume("a snapshot's name is 1 to 64 letters, digits, '-' or '_'".to_owned()))
        }
    }

    /// The process stands still while its files are copied.
    fn copy_data(&self, pod: Ordinal, to: &Path) -> Result<(), LabError> {
        let dir = self.pod_dir(pod);
        let what = || io_error(format!("cannot copy the data of pod {pod}"));
        if !dir.join(DATA).exists() {
            return Err(LabError::Volume(format!("pod {pod} has no data yet; start it with: aku lab start {pod}")));
        }
        let freezes = match self.life(pod) {
            Life::Up(_) => process::freeze(&dir).map_err(what())?,
            Life::Down | Life::Frozen(_) => false,
        };
        let copied = replace(&dir, to);
        if freezes {
            process::thaw(&dir).map_err(what())?;
        }
        copied.map_err(what())
    }
}

/// The data files of a pod: the database and what SQLite keeps beside it.
fn data_files(dir: &Path) -> io::Result<Vec<fs::DirEntry>> {
    let entries = match fs::read_dir(dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let data = |e: &fs::DirEntry| e.file_name().to_string_lossy().starts_with(DATA);
    entries.filter(|e| e.as_ref().map_or(true, data)).collect()
}

/// The data files of `from` in the place of those of `to`.
fn replace(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for old in data_files(to)? {
        fs::remove_file(old.path())?;
    }
    for file in data_files(from)? {
        fs::copy(file.path(), to.join(file.file_name()))?;
    }
    Ok(())
}
