//! A file, pipe or socket at a fault point: what a journal, a log or a feed reads and writes through. Without the feature `faults` it is the
//! inner one and nothing else.

use super::FaultPoint;
use std::io::{self, Read, Write};

/// Reads and writes through `inner`, and passes a fault point before each.
///
/// | fault | write | read |
/// |---|---|---|
/// | delay, panic | before it | before it |
/// | error | fails, nothing is written | fails, nothing is read |
/// | disk full | fails with `StorageFull`, nothing is written | |
/// | torn write | writes that many bytes; the write after that fails | |
/// | drop | says that all was written, and nothing was | says that the end is reached |
///
/// ```
/// use std::io::Write;
/// use tagring::faults::FaultyIo;
///
/// tagring::fault_points! {
///     /// A line is about to be written.
///     WRITE = "audit.write", of "the file", takes [DiskFull, TornWrite];
/// }
/// let mut file = FaultyIo::new(WRITE, "audit.log", Vec::new());
/// file.write_all(b"a line\n")?;
/// assert_eq!(file.into_inner(), b"a line\n");
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct FaultyIo<T> {
    inner: T,
    #[cfg(feature = "faults")]
    at: At,
}

/// Where it stands, and what is left of a torn write.
#[cfg(feature = "faults")]
#[derive(Debug)]
struct At {
    point: FaultPoint,
    who: String,
    is_torn: bool,
}

impl<T> FaultyIo<T> {
    /// Puts `inner` at a point that `who` passes.
    pub fn new(point: FaultPoint, who: &str, inner: T) -> Self {
        #[cfg(not(feature = "faults"))]
        let _ = (point, who);
        Self {
            inner,
            #[cfg(feature = "faults")]
            at: At { point, who: who.to_owned(), is_torn: false },
        }
    }

    /// What is inside.
    pub fn get_ref(&self) -> &T {
        &self.inner
    }

    /// What is inside: reads and writes through it pass no point.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.inner
    }

    /// What is inside, alone.
    pub fn into_inner(self) -> T {
        self.inner
    }
}

#[cfg(feature = "faults")]
impl<T: Write> FaultyIo<T> {
    /// A write that goes wrong: what it comes to.
    fn fail_to_write(&mut self, bytes: &[u8]) -> Option<io::Result<usize>> {
        use super::Fault;
        if core::mem::take(&mut self.at.is_torn) {
            return Some(Err(io::Error::other("torn, as scripted")));
        }
        Some(match super::pass(self.at.point, &self.at.who)? {
            Fault::DiskFull => Err(io::ErrorKind::StorageFull.into()),
            Fault::Drop => Ok(bytes.len()),
            Fault::TornWrite { kept } if kept < bytes.len() => {
                self.at.is_torn = kept > 0;
                match kept {
                    0 => Err(io::Error::other("torn, as scripted")),
                    _ => self.inner.write_all(&bytes[..kept]).map(|()| kept),
                }
            }
            Fault::TornWrite { .. } => return None,
            _ => Err(io::Error::other("failed, as scripted")),
        })
    }
}

impl<T: Write> Write for FaultyIo<T> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        #[cfg(feature = "faults")]
        if let Some(failed) = self.fail_to_write(bytes) {
            return failed;
        }
        self.inner.write(bytes)
    }

    #[inline]
    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<T: Read> Read for FaultyIo<T> {
    #[inline]
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        #[cfg(feature = "faults")]
        if let Some(fault) = super::pass(self.at.point, &self.at.who) {
            return match fault {
                super::Fault::Drop => Ok(0),
                _ => Err(io::Error::other("failed, as scripted")),
            };
        }
        self.inner.read(bytes)
    }
}
