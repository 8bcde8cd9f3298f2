//! What the calls that take rows out of files in the page cache cost by themselves: how fast a gather can be at best.
//!
//! ```console
//! $ cargo bench --bench floor -- CORPUS OUT PERCENT
//! ```
//!
//! The files of the folder CORPUS are taken as rows of 2,048 bytes, of which so many per cent are read in random and
//! in ascending order, by a thread for each processor, and written into new files in OUT, one for each thread. There
//! is no checksum, no format, no order to keep among threads and no file to sync. `dsdm bench gather --data DIR --keep`
//! leaves such a corpus in DIR. Without arguments a small one is made in a temporary folder.

#![allow(missing_docs, clippy::expect_used, clippy::panic)]

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use dsdm::io::map::Map;
use dsdm::io::opened::Opened;

/// Bytes of a row.
const ROW: usize = 2048;
/// Rows that are written at once.
const BLOCK: usize = 1000;
/// Runs of each way, in turns.
const TURNS: usize = 5;

/// Where rows are: the number of a file, and the first byte in it.
type Place = (usize, u64);

/// A way of doing the work or a part of it.
struct Way<'a> {
    name: &'static str,
    /// Whether it has the bytes of the rows, and whether it writes as many.
    reads: bool,
    writes: bool,
    /// Gives the sum of the first bytes of the rows, or 0 without them.
    run: Box<dyn Fn() -> u64 + 'a>,
}

/// Rows of some files, and where they go.
struct Job {
    paths: Vec<PathBuf>,
    files: Vec<Opened>,
    places: Vec<Place>,
    out: PathBuf,
    threads: usize,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let made = tempfile::tempdir().expect("a temporary folder");
    let (corpus, out, percent) = match arguments.as_slice() {
        [corpus, out, percent] => {
            (PathBuf::from(corpus), PathBuf::from(out), percent.parse().expect("a number"))
        }
        [] => {
            make(made.path());
            (made.path().to_owned(), made.path().to_owned(), 10)
        }
        _ => panic!("CORPUS OUT PERCENT, or nothing"),
    };
    for sorted in [false, true] {
        let job = Job::new(&corpus, out.join("floor"), percent, sorted);
        let order = if sorted { "ascending" } else { "random" };
        println!(
            "{} rows of {ROW} bytes, {order}, {} threads, medians of {TURNS}",
            job.places.len(),
            job.threads
        );
        job.report();
    }
}

/// Two files of 64 MB.
fn make(folder: &Path) {
    for name in ["a", "b"] {
        // Each row begins with another byte than its neighbours.
        let bytes: Vec<u8> = (0..1u32 << 24).flat_map(|word| (word ^ word >> 9).to_le_bytes()).collect();
        fs::write(folder.join(name), bytes).expect("room for a small corpus");
    }
}

impl Job {
    fn new(corpus: &Path, out: PathBuf, percent: u64, sorted: bool) -> Self {
        let entries = fs::read_dir(corpus).expect("a folder").map(|entry| entry.expect("an entry").path());
        let mut paths: Vec<PathBuf> = entries.filter(|path| path.is_file()).collect();
        paths.sort();
        let files: Vec<Opened> = paths.iter().map(|path| Opened::open(path).expect("a file")).collect();
        let mut places = Vec::new();
        for (number, path) in paths.iter().enumerate() {
            let rows = fs::metadata(path).expect("its size").len() / ROW as u64;
            places.extend((0..rows).map(|row| (number, row * ROW as u64)));
        }
        assert!(!places.is_empty(), "there are no files in {}", corpus.display());
        shuffle(&mut places);
        places.truncate(places.len() * usize::try_from(percent).expect("a percentage") / 100);
        if sorted {
            places.sort_unstable();
        }
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self { paths, files, places, out, threads }
    }

    /// Times every way in turns.
    fn report(&self) {
        let read = |block: &[Place], into: &mut [u8]| {
            for (&(file, start), into) in block.iter().zip(into.chunks_exact_mut(ROW)) {
                self.files[file].read_exact_at(into, start).expect("a row");
            }
        };
        let nothing = |_: &[Place], _: &mut [u8]| {};
        let way = |name, reads, writes, run| Way { name, reads, writes, run };
        let ways = [
            way("rows read by their position", true, false, Box::new(|| self.run(false, read))),
            way("as many bytes written", false, true, Box::new(|| self.run(true, nothing))),
            way("both", true, true, Box::new(|| self.run(true, read))),
            way("all pages of the files brought into a map", false, false, Box::new(|| self.map(false))),
            way("the same, rows copied and written", true, true, Box::new(|| self.map(true))),
        ];
        let mut times = vec![Vec::new(); ways.len()];
        let (sum, size) = (self.sum(), self.places.len() * ROW);
        assert!(sum > 0, "rows that all begin with 0 cannot be told from none");
        for _ in 0..TURNS {
            for (way, times) in ways.iter().zip(&mut times) {
                let _ = fs::remove_dir_all(&self.out);
                fs::create_dir(&self.out).expect("a folder for the output");
                let begun = Instant::now();
                let found = (way.run)();
                times.push(begun.elapsed());
                assert_eq!(found, if way.reads { sum } else { 0 }, "{}: other rows", way.name);
                assert_eq!(written(&self.out), if way.writes { size } else { 0 }, "{}", way.name);
            }
        }
        let _ = fs::remove_dir_all(&self.out);
        for (way, times) in ways.iter().zip(&mut times) {
            println!("  {:>6.0} ms  {}", 1e3 * median(times).as_secs_f64(), way.name);
        }
    }

    /// Each thread does its blocks: `fill` gives the bytes of one. The sum of the rows' first bytes, where they are
    /// looked at.
    fn run<'a>(&'a self, writes: bool, fill: impl Fn(&[Place], &mut [u8]) + Sync) -> u64 {
        let share = self.places.len().div_ceil(self.threads);
        std::thread::scope(|scope| {
            let fill = &fill;
            let thread = |(number, places): (usize, &'a [Place])| {
                scope.spawn(move || {
                    let out = self.out.join(number.to_string());
                    let mut out = writes.then(|| File::create(out).expect("a file"));
                    let (mut bytes, mut sum) = (vec![0; BLOCK * ROW], 0);
                    for block in places.chunks(BLOCK) {
                        let bytes = &mut bytes[..block.len() * ROW];
                        fill(block, bytes);
                        sum += bytes.iter().step_by(ROW).map(|&byte| u64::from(byte)).sum::<u64>();
                        if let Some(out) = &mut out {
                            out.write_all(bytes).expect("room");
                        }
                    }
                    sum
                })
            };
            let threads: Vec<_> = self.places.chunks(share.max(1)).enumerate().map(thread).collect();
            threads.into_iter().map(|thread| thread.join().expect("a thread")).sum()
        })
    }

    /// Maps all files and brings their pages into the map; and then copies the rows, if that is asked. A large map is
    /// undone after the time.
    fn map(&self, copies: bool) -> u64 {
        let maps: Vec<Map> = self.paths.iter().map(|path| Map::open(path).expect("a map")).collect();
        std::thread::scope(|scope| {
            for thread in 0..self.threads {
                let mine = maps.iter().skip(thread).step_by(self.threads);
                scope.spawn(move || mine.for_each(|map| map.populate(0..map.bytes().len()).expect("pages")));
            }
        });
        if !copies {
            return 0;
        }
        self.run(true, |block, into| {
            for (&(file, start), into) in block.iter().zip(into.chunks_exact_mut(ROW)) {
                let start = usize::try_from(start).expect("an address");
                into.copy_from_slice(&maps[file].bytes()[start..start + ROW]);
            }
        })
    }

    /// The sum of the first bytes of all rows.
    fn sum(&self) -> u64 {
        let mut byte = [0];
        let first = |&(file, start): &Place| {
            self.files[file].read_exact_at(&mut byte, start).expect("a byte");
            u64::from(byte[0])
        };
        self.places.iter().map(first).sum()
    }
}

fn written(folder: &Path) -> usize {
    let sizes = fs::read_dir(folder).expect("the output").map(|entry| entry.expect("a file").metadata());
    sizes.map(|size| usize::try_from(size.expect("its size").len()).expect("a size")).sum()
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// The same order each time (Fisher and Yates, with the numbers of a xorshift).
fn shuffle(places: &mut [Place]) {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    for last in (1..places.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let other = state % (last as u64 + 1);
        places.swap(last, usize::try_from(other).expect("a place"));
    }
}
