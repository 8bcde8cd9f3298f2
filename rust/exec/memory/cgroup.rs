//! What the control groups that this process is in leave it of memory.
//!
//! A group is found by the two files in which the kernel tells of it: `/proc/self/cgroup` has the path of the group
//! in its hierarchy, and `/proc/self/mountinfo` where that hierarchy is mounted, and from which group on. Those
//! above it hold their members to their own limits, and Slurm and containers nest them: the least that any of them
//! leaves is what there is. Both versions are known, also side by side.

use std::fs::read_to_string;
use std::path::{Path, PathBuf};

/// The names that a version has for what is asked here.
struct Version {
    file_system: &'static str,
    /// Files with a limit.
    limits: &'static [&'static str],
    /// Names in `memory.stat` of limits that groups above have, seen or unseen.
    inherited: Option<&'static str>,
    used: &'static str,
    /// Names in `memory.stat` of pages that count as used and can be dropped.
    cached: [&'static str; 2],
    /// Where it is mounted where nothing tells.
    usual: &'static str,
}

/// What the first version tells of a group without a limit, or more.
const UNLIMITED: u64 = 1 << 62;

const VERSIONS: [Version; 2] = [
    Version {
        file_system: "cgroup2",
        // Above the high mark, a group is slowed down until it is below.
        limits: &["memory.max", "memory.high"],
        inherited: None,
        used: "memory.current",
        cached: ["inactive_file", "active_file"],
        usual: "sys/fs/cgroup",
    },
    Version {
        file_system: "cgroup",
        limits: &["memory.limit_in_bytes"],
        inherited: Some("hierarchical_memory_limit"),
        used: "memory.usage_in_bytes",
        cached: ["total_inactive_file", "total_active_file"],
        usual: "sys/fs/cgroup/memory",
    },
];

/// The bytes that the groups of this process leave it, of those that have a limit; `root` is that of all files.
///
/// Proof: files that are not there, and lines that tell of something else, tell of no limit.
pub(crate) fn room(root: &Path) -> Option<u64> {
    let text = |name: &str| read_to_string(root.join(name)).unwrap_or_default(); // nothing is told
    let (groups, mounts) = (text("proc/self/cgroup"), text("proc/self/mountinfo"));
    VERSIONS.iter().filter_map(|version| version.room(root, &groups, &mounts)).min()
}

impl Version {
    /// Proof: as above.
    fn room(&self, root: &Path, groups: &str, mounts: &str) -> Option<u64> {
        let group = groups.lines().find_map(|line| self.group(line));
        let mut mounted = mounts.lines().filter_map(|line| self.mount(line)).peekable();
        if mounted.peek().is_none() {
            return self.room_of(&root.join(self.usual)).map(|group| group.left);
        }
        mounted.filter_map(|mount| self.tightest(root, group, &mount)).min()
    }

    /// The path of this process's group in its hierarchy, if a line of `/proc/self/cgroup` tells it.
    fn group<'a>(&self, line: &'a str) -> Option<&'a str> {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        let ours = match self.file_system {
            "cgroup2" => controllers.is_empty(),
            _ => controllers.split(',').any(|controller| controller == "memory"),
        };
        ours.then_some(path)
    }

    /// The hierarchy that a line of `/proc/self/mountinfo` tells of, if it is of this version and about memory.
    fn mount(&self, line: &str) -> Option<Mount> {
        let (before, after) = line.split_once(" - ")?;
        let mut kind = after.split(' ');
        let (system, options) = (kind.next()?, kind.nth(1)?);
        let ours = system == self.file_system
            && (system == "cgroup2" || options.split(',').any(|option| option == "memory"));
        let mut fields = before.split(' ').skip(3);
        let (from, at) = (fields.next()?, fields.next()?);
        ours.then(|| Mount { from: PathBuf::from(unescaped(from)), at: PathBuf::from(unescaped(at)) })
    }

    /// The least that the group and those above it leave, as far as they are to be seen below a mount.
    fn tightest(&self, root: &Path, group: Option<&str>, mount: &Mount) -> Option<u64> {
        // Proof: a path that is not below `/` is taken as it is.
        let top = root.join(mount.at.strip_prefix("/").unwrap_or(&mount.at));
        // A group outside of what is mounted, as a namespace can have it: what is mounted holds it all the same.
        let below = group.and_then(|group| Path::new(group).strip_prefix(&mount.from).ok());
        let below = below.filter(|below| below.components().all(|part| part.as_os_str() != ".."));
        let own = below.map_or_else(|| top.clone(), |below| top.join(below));
        let mut least = None;
        // Proof: groups without a limit leave all that there is.
        for group in own.ancestors().take_while(|at| at.starts_with(&top)).filter_map(|at| self.room_of(at)) {
            least = Some(least.map_or(group.left, |least: u64| least.min(group.left)));
            // It takes the kernel a while to add up what a group uses, and where none above has a limit, nobody asks.
            if group.all_unlimited {
                break;
            }
        }
        least
    }

    /// What one group leaves, if it has a limit.
    ///
    /// Proof: what is not told is no limit, is not used and is not cached, as is said below.
    fn room_of(&self, folder: &Path) -> Option<Cgroup> {
        let number = |name: &str| read_to_string(folder.join(name)).ok()?.trim().parse::<u64>().ok();
        let own = self.limits.iter().filter_map(|name| number(name)).min();
        if own.is_none() && self.inherited.is_none() {
            return None;
        }
        let stat = read_to_string(folder.join("memory.stat")).unwrap_or_default(); // nothing is told
        let told = |name: &str| {
            let mut values = stat.lines().filter_map(|line| line.split_once(' '));
            values.find(|(known, _)| *known == name)?.1.trim().parse::<u64>().ok()
        };
        let inherited = self.inherited.and_then(told);
        let limit = own.into_iter().chain(inherited).min()?;
        // Of a group that does not tell what it uses, all that it may have is taken to be left: the machine's own
        // number is looked at as well.
        let used = number(self.used).unwrap_or(0);
        // What the page cache holds counts as used and can be dropped; what is not told is not taken off.
        let cached = self.cached.iter().filter_map(|name| told(name)).fold(0, u64::saturating_add);
        // A group may have more than it is allowed for a moment: then nothing is left.
        let left = limit.saturating_sub(used.saturating_sub(cached));
        Some(Cgroup {
            left,
            all_unlimited: inherited.is_some_and(|inherited| inherited.min(limit) >= UNLIMITED),
        })
    }
}

/// A group that has a limit, of its own or above it.
struct Cgroup {
    left: u64,
    /// Neither it nor any above it has a limit that anyone set.
    all_unlimited: bool,
}

/// A hierarchy of groups that is mounted.
struct Mount {
    /// The group in it that its top stands for.
    from: PathBuf,
    at: PathBuf,
}

/// A path as the kernel escapes it there: a backslash and three octal digits for what would end a field.
fn unescaped(path: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(path.to_owned(), |path, (escaped, plain)| path.replace(escaped, plain))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const MIB: u64 = 1 << 20;
    /// How much less than a limit a group that uses a MiB of its own, and of the page cache as much, leaves.
    const USED: u64 = MIB;

    /// A made-up tree of files.
    struct Tree(tempfile::TempDir);

    impl Tree {
        fn new(groups: &str, mounts: &str) -> Self {
            let tree = Self(tempfile::tempdir().unwrap());
            tree.put("proc/self/cgroup", groups);
            tree.put("proc/self/mountinfo", mounts);
            tree
        }

        fn put(&self, name: &str, text: &str) {
            let path = self.0.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn v2(self, folder: &str, limit: &str) -> Self {
            self.put(&format!("{folder}/memory.max"), &format!("{limit}\n"));
            self.put(&format!("{folder}/memory.high"), "max\n");
            self.put(&format!("{folder}/memory.current"), &format!("{}\n", 2 * MIB));
            let stat =
                format!("anon {MIB}\nfile 9999999\ninactive_file {}\nactive_file {}\n", MIB / 2, MIB / 2);
            self.put(&format!("{folder}/memory.stat"), &stat);
            self
        }

        fn v1(self, folder: &str, limit: u64, inherited: u64) -> Self {
            self.put(&format!("{folder}/memory.limit_in_bytes"), &format!("{limit}\n"));
            self.put(&format!("{folder}/memory.usage_in_bytes"), &format!("{}\n", 2 * MIB));
            let stat = format!(
                "cache 1\ninactive_file 3\nhierarchical_memory_limit {inherited}\ntotal_inactive_file {MIB}\n"
            );
            self.put(&format!("{folder}/memory.stat"), &stat);
            self
        }

        fn room(&self) -> Option<u64> {
            room(self.0.path())
        }
    }

    const V2: &str = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
    const V1: &str = "24 23 0:21 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
        35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";

    #[test]
    fn the_tightest_of_the_groups_around_a_process_counts() {
        let job = "sys/fs/cgroup/system.slice/slurmstepd.scope/job_7";
        let tree = Tree::new("0::/system.slice/slurmstepd.scope/job_7/step_0/user/task_0\n", V2);
        assert_eq!(tree.room(), None);
        let tree = tree.v2(&format!("{job}/step_0/user/task_0"), "max").v2(job, &(300 * MIB).to_string());
        assert_eq!(tree.room(), Some(300 * MIB - USED));
        let tree = tree.v2("sys/fs/cgroup", &(200 * MIB).to_string());
        assert_eq!(tree.room(), Some(200 * MIB - USED));
        let tree = tree.v2(&format!("{job}/step_0"), &(100 * MIB).to_string());
        assert_eq!(tree.room(), Some(100 * MIB - USED));
        tree.put(&format!("{job}/step_0/memory.high"), &(50 * MIB).to_string());
        assert_eq!(tree.room(), Some(50 * MIB - USED));
        // Another job's limit is its own.
        let tree = tree.v2("sys/fs/cgroup/system.slice/slurmstepd.scope/job_8", "1");
        assert_eq!(tree.room(), Some(50 * MIB - USED));
    }

    #[test]
    fn a_group_of_the_first_version_knows_the_limits_above_it() {
        let unlimited = 9_223_372_036_854_771_712;
        let tree = Tree::new("5:cpu:/a\n4:memory:/a/b\n0::/\n", V1);
        let tree = tree.v1("sys/fs/cgroup/memory/a/b", unlimited, unlimited);
        assert_eq!(tree.room(), Some(unlimited - USED));
        let tree = tree.v1("sys/fs/cgroup/memory/a/b", unlimited, 70 * MIB);
        assert_eq!(tree.room(), Some(70 * MIB - USED));
        let tree = tree.v1("sys/fs/cgroup/memory/a", 60 * MIB, 60 * MIB);
        assert_eq!(tree.room(), Some(60 * MIB - USED));
    }

    /// Without a namespace of its own, a container sees its group as the top of what is mounted.
    #[test]
    fn a_container_has_its_group_at_the_top_of_the_mount() {
        let mount = "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
        let tree = Tree::new("4:memory:/docker/abc/inner\n", mount);
        let tree = tree.v1("sys/fs/cgroup/memory", 90 * MIB, 90 * MIB);
        assert_eq!(tree.room(), Some(90 * MIB - USED));
        let tree = tree.v1("sys/fs/cgroup/memory/inner", 80 * MIB, 80 * MIB);
        assert_eq!(tree.room(), Some(80 * MIB - USED));
        for outside in ["4:memory:/\n", "4:memory:/../other\n", "4:memory:/docker/abc/../x\n", ""] {
            tree.put("proc/self/cgroup", outside);
            assert_eq!(tree.room(), Some(90 * MIB - USED), "{outside}");
        }
    }

    #[test]
    fn both_versions_side_by_side_and_names_with_spaces() {
        let mounts = format!("{V1}41 31 0:38 / /mnt/my\\040groups rw - cgroup2 cgroup2 rw\n");
        let tree = Tree::new("4:memory:/a\n0::/b c\n", &mounts);
        let tree = tree.v1("sys/fs/cgroup/memory/a", 90 * MIB, 90 * MIB);
        let tree = tree.v2("mnt/my groups/b c", &(40 * MIB).to_string());
        assert_eq!(tree.room(), Some(40 * MIB - USED));
    }

    #[test]
    fn where_nothing_tells_the_usual_places_are_looked_at() {
        let tree = Tree(tempfile::tempdir().unwrap());
        assert_eq!(tree.room(), None);
        let tree = tree.v1("sys/fs/cgroup/memory", 90 * MIB, 90 * MIB).v2("sys/fs/cgroup", "max");
        assert_eq!(tree.room(), Some(90 * MIB - USED));
        let tree = tree.v2("sys/fs/cgroup", "1");
        assert_eq!(tree.room(), Some(0));
    }
}
