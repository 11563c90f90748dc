//! The machine's cores as the process sees them. Read once, before any thread is pinned: the mask of the process is then still whole.
//! Placement and preflight work on this value alone, so that tests make machines up.

use super::core_list::{self, CORES_MAX, CoreList};
use super::kernel_files::KernelFiles;
use super::placement_error::{PlacementError, Who};
use crate::bus::allowed_cores;
use core::fmt;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const CPU: &str = "sys/devices/system/cpu";
const NODE: &str = "sys/devices/system/node";

/// One core: a logical processor, as the kernel numbers them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Core {
    /// Its number.
    pub id: usize,
    /// Whether it runs.
    pub online: bool,
    /// Whether the process may use it; never true of one that is offline.
    pub allowed: bool,
    /// Whether the kernel keeps other threads away from it (`isolcpus`).
    pub isolated: bool,
    /// Whether the kernel stops its tick while one thread runs there (`nohz_full`).
    pub nohz_full: bool,
    /// Its socket.
    pub package: usize,
    /// Its memory node.
    pub node: usize,
    /// The other hyper-threads of the same physical core, ascending.
    pub siblings: Vec<usize>,
}

impl Core {
    /// A core that runs and may be used, alone in its physical core, on package and node 0.
    #[must_use]
    pub const fn new(id: usize) -> Self {
        Self {
            id,
            online: true,
            allowed: true,
            isolated: false,
            nohz_full: false,
            package: 0,
            node: 0,
            siblings: Vec::new(),
        }
    }
}

/// The machine's cores, ascending. Its `Display` is a short table.
///
/// ```
/// use tagring::runtime::machine::Topology;
///
/// let machine = Topology::read();
/// println!("{machine}");
/// assert!(!machine.allowed().is_empty());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    cores: Vec<Core>,
}

impl Topology {
    /// Reads this machine. Cores are allowed by the mask of the process's main thread: call this before that one is pinned.
    #[must_use]
    pub fn read() -> Self {
        let files = KernelFiles::below(Path::new("/"));
        Self::from_files(&files, mask(&files).or_else(|| Some(allowed_cores()).filter(|cores| !cores.is_empty())))
    }

    /// Reads the tree of `sys` and `proc` below `root`, also a made-up one. What is missing there degrades: no mask, and all cores
    /// are allowed; no topology, and each core is a physical one of its own; nothing at all, and there is core 0.
    #[must_use]
    pub fn read_from(root: &Path) -> Self {
        let files = KernelFiles::below(root);
        Self::from_files(&files, mask(&files))
    }

    fn from_files(files: &KernelFiles, mask: Option<Vec<usize>>) -> Self {
        let online = online(files, mask.as_deref());
        let nodes = nodes(files);
        let set = |path: &str| -> BTreeSet<usize> { files.cores(path).unwrap_or_default().into_iter().collect() };
        let (isolated, nohz_full) = (set(&format!("{CPU}/isolated")), set(&format!("{CPU}/nohz_full")));
        let mask: Option<BTreeSet<usize>> = mask.map(|mask| mask.into_iter().collect());
        let core = |(id, online): (usize, bool)| {
            let package = files.number(&format!("{CPU}/cpu{id}/topology/physical_package_id"));
            Core {
                id,
                online,
                allowed: mask.as_ref().is_none_or(|mask| mask.contains(&id)),
                isolated: isolated.contains(&id),
                nohz_full: nohz_full.contains(&id),
                package: package.and_then(|package| usize::try_from(package).ok()).unwrap_or(0),
                node: nodes.get(&id).copied().unwrap_or(0),
                siblings: files.cores(&format!("{CPU}/cpu{id}/topology/thread_siblings_list")).unwrap_or_default(),
            }
        };
        Self::made_up(online.into_iter().map(core))
    }

    /// A machine of these cores, for tests. They are put in order, each number once; siblings become mutual, and what is offline is
    /// not allowed.
    #[must_use]
    pub fn made_up(cores: impl IntoIterator<Item = Core>) -> Self {
        let mut cores: BTreeMap<usize, Core> = cores.into_iter().map(|core| (core.id, core)).collect();
        let pairs: BTreeSet<(usize, usize)> = cores
            .values()
            .flat_map(|core| core.siblings.iter().flat_map(|&other| [(core.id, other), (other, core.id)]))
            .filter(|(a, b)| a != b && cores.contains_key(a) && cores.contains_key(b))
            .collect();
        for core in cores.values_mut() {
            core.allowed &= core.online;
            core.siblings = pairs.range((core.id, 0)..=(core.id, usize::MAX)).map(|&(_, other)| other).collect();
        }
        Self { cores: cores.into_values().collect() }
    }

    /// A regular machine, for tests: `nodes` sockets, each a memory node, of `cores` physical cores of `threads` hyper-threads. As
    /// Linux numbers them: first the first threads of all cores, then the second ones.
    #[must_use]
    pub fn regular(nodes: usize, cores: usize, threads: usize) -> Self {
        let physical = nodes * cores;
        Self::made_up((0..physical * threads).map(|id| {
            let node = id % physical / cores;
            let siblings = (0..threads).map(|thread| thread * physical + id % physical).collect();
            Core { package: node, node, siblings, ..Core::new(id) }
        }))
    }

    /// The same machine, of whose cores only `cores` may be used; all that are allowed where that is empty.
    ///
    /// # Errors
    /// [`PlacementError::NotAllowed`] where some of them are not allowed now, as from the key path `runtime.cores`.
    pub fn limited_to(mut self, cores: &[usize]) -> Result<Self, Vec<PlacementError>> {
        if cores.is_empty() {
            return Ok(self);
        }
        let allowed = self.allowed();
        let refused: Vec<usize> = cores.iter().copied().filter(|core| !allowed.contains(core)).collect();
        if !refused.is_empty() {
            let who = Who { name: "runtime".into(), key: Some("runtime.cores".into()), thread: None };
            return Err(vec![PlacementError::NotAllowed { who, cores: refused, allowed }]);
        }
        self.cores.iter_mut().for_each(|core| core.allowed &= cores.contains(&core.id));
        Ok(self)
    }

    /// All cores, ascending by number.
    #[must_use]
    pub fn cores(&self) -> &[Core] {
        &self.cores
    }

    /// The core of that number.
    #[must_use]
    pub fn core(&self, id: usize) -> Option<&Core> {
        self.cores.binary_search_by_key(&id, |core| core.id).ok().map(|at| &self.cores[at])
    }

    /// The numbers of the cores that may be used, ascending.
    #[must_use]
    pub fn allowed(&self) -> Vec<usize> {
        self.cores.iter().filter(|core| core.allowed).map(|core| core.id).collect()
    }

    /// The first core that runs: where kernels put their own work unless told otherwise.
    #[must_use]
    pub fn first(&self) -> Option<usize> {
        self.cores.iter().find(|core| core.online).map(|core| core.id)
    }
}

/// The mask of the process's main thread: `/proc/self` is the process, whose status is that of its first thread.
fn mask(files: &KernelFiles) -> Option<Vec<usize>> {
    let cores = core_list::parse(&files.field("proc/self/status", "Cpus_allowed_list")?);
    (!cores.is_empty()).then_some(cores)
}

/// The cores that there are, and whether they run.
fn online(files: &KernelFiles, mask: Option<&[usize]>) -> BTreeMap<usize, bool> {
    let folders: Vec<usize> = files.numbered(CPU, "cpu").into_iter().filter(|&id| id < CORES_MAX).collect();
    let listed = files.cores(&format!("{CPU}/online")).filter(|cores| !cores.is_empty());
    let mut cores = BTreeMap::new();
    for &id in &folders {
        let off = files.number(&format!("{CPU}/cpu{id}/online")) == Some(0);
        cores.insert(id, listed.as_ref().map_or(!off, |listed| listed.contains(&id)));
    }
    for id in files.cores(&format!("{CPU}/offline")).unwrap_or_default() {
        // The kernel also lists numbers for which there is no core, only room to plug one in.
        cores.entry(id).and_modify(|online| *online = false);
    }
    cores.extend(listed.unwrap_or_default().into_iter().map(|id| (id, true)));
    if cores.is_empty() {
        cores.extend(mask.unwrap_or(&[0]).iter().map(|&id| (id, true)));
    }
    cores
}

fn nodes(files: &KernelFiles) -> BTreeMap<usize, usize> {
    let cores_of = |node| files.cores(&format!("{NODE}/node{node}/cpulist")).unwrap_or_default();
    files
        .numbered(NODE, "node")
        .into_iter()
        .flat_map(|node| cores_of(node).into_iter().map(move |id| (id, node)))
        .collect()
}

impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "core  package  node  siblings")?;
        for core in &self.cores {
            let siblings = if core.siblings.is_empty() { "-".into() } else { CoreList(&core.siblings).to_string() };
            write!(f, "\n{:>4}  {:>7}  {:>4}  {siblings:<8}", core.id, core.package, core.node)?;
            let marks = [
                (!core.online, " offline"),
                (core.allowed, " allowed"),
                (core.online && !core.allowed, " not-allowed"),
                (core.isolated, " isolated"),
                (core.nohz_full, " nohz-full"),
            ];
            marks.iter().filter(|(holds, _)| *holds).try_for_each(|(_, mark)| f.write_str(mark))?;
        }
        Ok(())
    }
}
