//! Huge pages under a range: fewer misses of the address translation in large rings.

use super::{GrantKind, Granted, MemoryRange};
use crate::runtime::config::Grant;
use crate::runtime::machine::kernel_files::KernelFiles;
use std::path::Path;

const THP: &str = "sys/kernel/mm/transparent_hugepage";

/// Asks for huge pages under the whole ones that fit into `range`, meets them, and counts them in `/proc/self/smaps`. Contents stay as they
/// are. Memory that was touched before is moved into huge pages where the kernel can (6.1 and later).
#[must_use]
pub fn huge_pages(range: MemoryRange<'_>, asked: Grant) -> Granted {
    Granted::tried(GrantKind::HugePages, asked, || {
        let files = KernelFiles::below(Path::new("/"));
        let pages = suitable(&files, range)?;
        // SAFETY: huge pages change no contents.
        unsafe { pages.advise(libc::MADV_HUGEPAGE) }.map_err(|error| {
            format!("{error}: only private memory without a file behind it can have huge pages here")
        })?;
        // The pages have to be there to be counted. Where they cannot be, the count says so.
        // SAFETY: populating pages changes no contents.
        let _ = unsafe { pages.advise(libc::MADV_POPULATE_WRITE) };
        if covered_kib(&files, pages) < pages.bytes() / 1024 {
            // A kernel without it, or without free blocks, leaves small pages: the count says so.
            // SAFETY: moving contents into huge pages does not change them.
            let _ = unsafe { pages.advise(libc::MADV_COLLAPSE) };
        }
        verify(covered_kib(&files, pages), pages.bytes() / 1024)
    })
}

/// The huge pages that fit into the range, or why there can be none.
fn suitable<'a>(files: &KernelFiles, range: MemoryRange<'a>) -> Result<MemoryRange<'a>, String> {
    let Some(enabled) = files.text(&format!("{THP}/enabled")) else {
        return Err(format!("the kernel has no transparent huge pages: there is no /{THP}/enabled"));
    };
    if enabled.contains("[never]") {
        return Err(format!("/{THP}/enabled is `never`; set it to `madvise`"));
    }
    let size = files.number(&format!("{THP}/hpage_pmd_size")).and_then(|size| usize::try_from(size).ok());
    let size = size.filter(|size| size.is_power_of_two()).unwrap_or(2 << 20);
    let pages = range.pages_within(size);
    if pages.bytes() > 0 {
        return Ok(pages);
    }
    let (kib, size_kib) = (range.bytes() / 1024, size / 1024);
    Err(if range.bytes() < size {
        format!("the range has {kib} kB, and a huge page {size_kib} kB; it is too small to gain from one")
    } else {
        format!("no aligned block of {size_kib} kB lies within the {kib} kB; align the range to that")
    })
}

fn verify(covered_kib: usize, wanted_kib: usize) -> Result<String, String> {
    let told = format!("{covered_kib} of {wanted_kib} kB are in huge pages");
    if covered_kib >= wanted_kib {
        return Ok(told);
    }
    Err(format!(
        "{told}: memory has not enough free blocks, or was touched before on a kernel older than 6.1; ask early after \
         boot, or run `echo 1 > /proc/sys/vm/compact_memory`"
    ))
}

/// KiB in huge pages of the mappings that the range touches. A mapping that reaches beyond the range counts in full, up to the range's size.
fn covered_kib(files: &KernelFiles, pages: MemoryRange<'_>) -> usize {
    let (start, end) = (pages.start(), pages.start() + pages.bytes());
    let (mut within, mut kib) = (false, 0);
    for line in files.text("proc/self/smaps").unwrap_or_default().lines() {
        if let Some((from, to)) = mapping(line) {
            within = from < end && to > start;
        } else if let Some(value) = line.strip_prefix("AnonHugePages:").filter(|_| within) {
            kib += value.trim().trim_end_matches(" kB").parse().unwrap_or(0);
        }
    }
    kib.min(pages.bytes() / 1024)
}

/// The addresses of a line that begins a mapping: `7f..-7f.. rw-p ..`.
fn mapping(line: &str) -> Option<(usize, usize)> {
    let (from, to) = line.split(' ').next()?.split_once('-')?;
    Some((usize::from_str_radix(from, 16).ok()?, usize::from_str_radix(to, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn why_there_are_no_huge_pages_is_said() {
        let root = std::env::temp_dir().join(format!("tagring-huge-{}", std::process::id()));
        let files = KernelFiles::below(&root);
        let why = |start, bytes| suitable(&files, MemoryRange::at(start, bytes)).map(|pages| pages.bytes());
        assert!(why(0, 8 << 20).unwrap_err().contains("no transparent huge pages"));
        fs::create_dir_all(root.join(THP)).unwrap();
        fs::write(root.join(THP).join("enabled"), "always madvise [never]\n").unwrap();
        assert!(why(0, 8 << 20).unwrap_err().contains("set it to `madvise`"));
        fs::write(root.join(THP).join("enabled"), "always [madvise] never\n").unwrap();
        assert!(why(0, 1 << 20).unwrap_err().contains("too small"));
        assert!(why(4096, 2 << 20).unwrap_err().contains("align"));
        assert_eq!(why(4096, 4 << 20), Ok(2 << 20));
        fs::write(root.join(THP).join("hpage_pmd_size"), "1048576\n").unwrap();
        assert_eq!(why(4096, 4 << 20), Ok(3 << 20));
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn huge_pages_are_counted_in_the_mappings_of_the_range() {
        let root = std::env::temp_dir().join(format!("tagring-smaps-{}", std::process::id()));
        fs::create_dir_all(root.join("proc/self")).unwrap();
        let smaps = "200000-600000 rw-p 00000000 00:00 0 \nSize: 4096 kB\nAnonHugePages:      2048 kB\n\
                     600000-a00000 rw-p 00000000 00:00 0 \nAnonHugePages:      4096 kB\n";
        fs::write(root.join("proc/self/smaps"), smaps).unwrap();
        let files = KernelFiles::below(&root);
        let covered = |start, bytes| covered_kib(&files, MemoryRange::at(start, bytes));
        assert_eq!(covered(0x20_0000, 4 << 20), 2048);
        assert_eq!(covered(0x20_0000, 8 << 20), 6144);
        assert_eq!(covered(0x60_0000, 2 << 20), 2048, "no more than the range");
        assert_eq!(covered(0xb0_0000, 2 << 20), 0);
        assert!(verify(2048, 2048).is_ok() && verify(2047, 2048).unwrap_err().contains("2047 of 2048 kB"));
        fs::remove_dir_all(&root).unwrap();
    }
}
