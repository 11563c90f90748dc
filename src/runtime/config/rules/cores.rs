//! Core numbers: lists that fit their threads, each core once, and within the cores that the runtime may use.

use super::references::twice;
use crate::runtime::config::bounds::CORE;
use crate::runtime::config::mistake::{Mistake, key_path};
use crate::runtime::config::{Config, Cores};

pub(super) fn check(config: &Config, found: &mut Vec<Mistake>) {
    numbers("runtime.cores", &config.runtime.cores, found);
    let threads = config.threads.iter().map(|(name, thread)| ("threads", name, &thread.cores, thread.threads_max));
    let feeds = config.feeds.iter().map(|(name, feed)| ("feeds", name, &feed.cores, 1));
    for (table, name, cores, count) in threads.chain(feeds) {
        if let Cores::List(list) = cores {
            let path = key_path(&[table, name, "cores"]);
            numbers(&path, list, found);
            one_each(&path, list, count, table == "feeds", found);
            allowed(&path, list, &config.runtime.cores, found);
        }
    }
}

fn numbers(path: &str, list: &[usize], found: &mut Vec<Mistake>) {
    for (at, core) in list.iter().enumerate().filter(|(_, core)| **core as u64 > CORE.max) {
        found.push(Mistake::out_of_range(format!("{path}[{at}]"), core, false, CORE));
    }
    twice(path, list.iter().map(ToString::to_string), found);
}

/// A list has one core for each thread.
fn one_each(path: &str, list: &[usize], threads: u32, is_feed: bool, found: &mut Vec<Mistake>) {
    if list.is_empty() {
        let mistake = Mistake::new("TR-0741", path, "[]", "no core");
        found.push(
            mistake.allowed("\"auto\", \"any\", or a list of core numbers").remedy("take \"any\" to pin to none"),
        );
    } else if list.len() as u64 != u64::from(threads) {
        let value = format!("{list:?}");
        let what = format!("{} cores for {threads} {}", list.len(), if threads == 1 { "thread" } else { "threads" });
        let remedy = if is_feed {
            "name one core".into()
        } else {
            format!("set threads_max = {}, or name {threads}", list.len())
        };
        found.push(Mistake::new("TR-0741", path, value, what).allowed("one for each thread").remedy(remedy));
    }
}

fn allowed(path: &str, list: &[usize], all: &[usize], found: &mut Vec<Mistake>) {
    for (at, core) in list.iter().enumerate().filter(|(_, core)| !all.is_empty() && !all.contains(core)) {
        let mistake = Mistake::new("TR-0740", format!("{path}[{at}]"), core, "not in runtime.cores");
        found.push(mistake.allowed(format!("{all:?}")).remedy("take one of those, or add it there"));
    }
}
