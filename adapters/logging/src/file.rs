//! A log file that is set aside when it has its size: `log`, `log.1`, `log.2` .. the oldest goes. Lines stay whole. A failed rename or open is a
//! failed write, which the writer counts and tries again.

use crate::error::LogError;
use crate::fault_points as points;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tagring::faults::FaultyIo;

/// Smallest size at which files are set aside.
const BYTES_MIN: u64 = 4_096;
/// Most files that are kept.
const KEEP_MAX: u32 = 999;

/// A file that is appended to.
pub(crate) struct LogFile {
    path: PathBuf,
    /// None between setting a file aside and opening the next.
    file: Option<FaultyIo<File>>,
    len: u64,
    /// Files set aside only there.
    at_line_start: bool,
    rotation: Option<Rotation>,
}

/// When a file is set aside, and how many are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rotation {
    pub(crate) bytes_max: u64,
    pub(crate) keep: u32,
}

fn open(path: &Path) -> io::Result<(FaultyIo<File>, u64)> {
    let file = OpenOptions::new().append(true).create(true).open(path)?;
    let len = file.metadata()?.len();
    Ok((FaultyIo::new(points::WRITE, &path.to_string_lossy(), file), len))
}

impl LogFile {
    pub(crate) fn open(path: &Path, rotation: Option<Rotation>) -> Result<Self, LogError> {
        if let Some(Rotation { bytes_max, keep }) = rotation
            && (bytes_max < BYTES_MIN || !(1..=KEEP_MAX).contains(&keep))
        {
            return Err(LogError::Rotation { bytes_max, keep });
        }
        let (file, len) = open(path).map_err(|source| LogError::File { path: path.to_path_buf(), source })?;
        Ok(Self { path: path.to_path_buf(), file: Some(file), len, at_line_start: true, rotation })
    }

    fn numbered(&self, number: u32) -> PathBuf {
        let mut name = OsString::from(self.path.as_os_str());
        name.push(format!(".{number}"));
        name.into()
    }

    /// Sets the file aside. What fails leaves all files there, under one name or another.
    fn set_aside(&mut self, keep: u32) -> io::Result<()> {
        tagring::fault!(points::SET_ASIDE, &self.path.to_string_lossy(); Error => return Err(io::Error::other("refused, as scripted")));
        for number in (1..keep).rev() {
            let from = self.numbered(number);
            if from.exists() {
                std::fs::rename(from, self.numbered(number + 1))?;
            }
        }
        std::fs::rename(&self.path, self.numbered(1))?;
        self.file = None;
        Ok(())
    }

    /// How much of these bytes the file still takes.
    fn room_for(&self, bytes: &[u8]) -> usize {
        let Some(Rotation { bytes_max, .. }) = self.rotation else { return bytes.len() };
        let room = usize::try_from(bytes_max.saturating_sub(self.len)).unwrap_or(usize::MAX);
        let lines = |bytes: &[u8]| bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        match bytes.len() <= room {
            true => bytes.len(),
            false => lines(&bytes[..room]),
        }
    }
}

/// The end of the first line.
fn first_line(bytes: &[u8]) -> usize {
    bytes.iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |at| at + 1)
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut room = self.room_for(bytes);
        if room == 0
            && !bytes.is_empty()
            && let Some(rotation) = self.rotation
        {
            if self.at_line_start && self.len > 0 && self.file.is_some() {
                self.set_aside(rotation.keep)?;
                self.len = 0;
                room = self.room_for(bytes);
            }
            // A line longer than a file, or the rest of one.
            room = room.max(first_line(bytes));
        }
        if self.file.is_none() {
            let (file, len) = open(&self.path)?;
            (self.file, self.len) = (Some(file), len);
        }
        let Some(file) = &mut self.file else { return Ok(0) };
        let written = file.write(&bytes[..room])?;
        self.len += written as u64;
        if let Some(&last) = bytes[..written].last() {
            self.at_line_start = last == b'\n';
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn read(place: &TempDir, name: &str) -> Option<String> {
        std::fs::read_to_string(place.path().join(name)).ok()
    }

    #[test]
    fn issue_4583_files_are_set_aside_at_their_size_with_whole_lines_and_the_oldest_goes() {
        let place = TempDir::new().unwrap();
        let path = place.path().join("log");
        std::fs::write(&path, "before\n").unwrap();
        let mut file = LogFile::open(&path, Some(Rotation { bytes_max: 4_096, keep: 2 })).unwrap();
        let line = |n: usize| format!("{n:0>999}\n");
        let lines: String = (0..14).map(line).collect();
        file.write_all(lines.as_bytes()).unwrap();
        let of = |numbers: std::ops::Range<usize>| Some(numbers.map(line).collect::<String>());
        assert_eq!(read(&place, "log"), of(12..14));
        assert_eq!((read(&place, "log.1"), read(&place, "log.2"), read(&place, "log.3")), (of(8..12), of(4..8), None));
        let long = "x".repeat(9_000) + "\n";
        file.write_all(long.as_bytes()).unwrap();
        assert_eq!((read(&place, "log"), read(&place, "log.1")), (Some(long), of(12..14)));
    }

    #[test]
    fn a_file_that_cannot_be_set_aside_fails_and_goes_on_when_it_can() {
        let place = TempDir::new().unwrap();
        let path = place.path().join("log");
        let mut file = LogFile::open(&path, Some(Rotation { bytes_max: 4_096, keep: 1 })).unwrap();
        let line = "y".repeat(3_000) + "\n";
        file.write_all(line.as_bytes()).unwrap();
        std::fs::create_dir_all(place.path().join("log.1/in_the_way")).unwrap();
        assert!(file.write(line.as_bytes()).is_err() && file.write(line.as_bytes()).is_err());
        std::fs::remove_dir_all(place.path().join("log.1")).unwrap();
        file.write_all(line.as_bytes()).unwrap();
        assert_eq!((read(&place, "log"), read(&place, "log.1")), (Some(line.clone()), Some(line)));
    }
}
