//! One budget of jobs over all boxes: real compilers, of which there are never more than there are tokens.

use std::fs;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gentoo_bb::engine::address::Address;
use gentoo_bb::engine::docker::Docker;
use gentoo_bb::engine::{Boxes, ContainerSpec, Owner};
use gentoo_bb::exec::tokens::{Offer, Tokens};
use support::sealed::Room;

/// How often the machine is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Counts compilers that have a word in one of their arguments, until it is asked.
pub struct Counting {
    ended: Arc<AtomicBool>,
    thread: JoinHandle<Vec<usize>>,
}

impl Counting {
    pub fn begin(word: &str) -> Self {
        let (word, ended) = (word.to_owned(), Arc::new(AtomicBool::new(false)));
        let is_over = ended.clone();
        let thread = std::thread::spawn(move || {
            let mut seen = vec![];
            while !is_over.load(Ordering::SeqCst) {
                seen.push(compilers(&word));
                std::thread::sleep(LOOK);
            }
            seen
        });
        Self { ended, thread }
    }

    /// The most that there were, and of 100 looks at which there was one, at how many there were so many.
    pub fn end(self) -> (usize, usize) {
        self.ended.store(true, Ordering::SeqCst);
        let seen = self.thread.join().unwrap();
        let most = seen.iter().copied().max().unwrap_or(0);
        let busy = seen.iter().filter(|count| **count > 0).count();
        let full = seen.iter().filter(|count| **count == most).count();
        (most, full * 100 / busy.max(1))
    }
}

fn compilers(word: &str) -> usize {
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| Some(entry.ok()?.path()));
    let words = processes.filter_map(|process| fs::read_to_string(process.join("cmdline")).ok());
    words.filter(|words| is_compiler(words) && words.contains(word)).count()
}

fn is_compiler(words: &str) -> bool {
    words.split('\0').next().is_some_and(|program| program.ends_with("/cc1"))
}

/// The engine of a room, as a library's user has it.
struct Hall {
    engine: Docker,
    runtime: tokio::runtime::Runtime,
    spec: ContainerSpec,
}

impl Hall {
    fn new(room: &Room) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let address = Address::at(room.engine().host.clone());
        let engine = runtime.block_on(Docker::try_connect(&address)).unwrap();
        let label = Room::label();
        let (key, value) = label.split_once('=').unwrap();
        let spec = ContainerSpec {
            image: crate::hostile::bob(room.engine()),
            owner: Owner(room.owner()),
            labels: [(key.to_owned(), value.to_owned())].into(),
            ..ContainerSpec::default()
        };
        Self { engine, runtime, spec }
    }

    fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    fn start(&self, offer: &Offer) -> String {
        let jobserver = Some(offer.path().to_owned());
        self.wait(self.engine.start_container(&ContainerSpec { jobserver, ..self.spec.clone() }))
            .unwrap()
    }
}

/// As Portage does: a token for the package, and make's own ones beside it.
fn compiles(word: &str, files: usize) -> String {
    format!(
        r#"cd /tmp && exec 9<>/bb/jobserver
for f in {{1..{files}}}; do
	for n in {{1..250}}; do
		echo "int f$n(int n) {{ int s = 0; for (int i = 0; i < n; i++) s += (i * $n) ^ s; return s; }}"
	done >{word}-$f.c
done
printf 'all: %s\n' "$(printf '{word}-%s.o ' {{1..{files}}})" >Makefile
read -rN1 -u9 token
MAKEFLAGS='--jobserver-auth=fifo:/bb/jobserver -j' make CFLAGS=-O2
code=$?
printf %s "$token" >&9
exit $code
"#
    )
}

#[test]
fn four_boxes_at_two_tokens_have_two_compilers_also_beside_dying_ones() {
    let room = crate::hostile::with_builder();
    let hall = Hall::new(&room);
    let tokens = Tokens::new(2, None, None);
    let word = format!("budget-{}", std::process::id());
    let offers = [0, 1, 2, 3, 4].map(|n| Offer::at(&room.path(format!("offers/{n}"))).unwrap());
    let boxes = offers.iter().map(|offer| hall.start(offer)).collect::<Vec<_>>();
    let counting = Counting::begin(&word);
    let run = async |at: usize, files: usize| {
        let serving = tokens.serve(&offers[at]);
        let script = compiles(&word, files);
        let mut said = vec![];
        let mut log = |data: &[u8]| said.extend_from_slice(data);
        let code = hall.engine.exec(&boxes[at], &["bash", "-c", &script], &mut log).await;
        drop(serving);
        (code.unwrap_or(-1), String::from_utf8_lossy(&said).into_owned())
    };
    // A box that is killed while it holds what it has got, again and again.
    let dying = async {
        for _ in 0..20 {
            let killed = async {
                let begun = Instant::now();
                while compilers(&format!("{word}-die")) == 0 && begun.elapsed().as_secs() < 20 {
                    tokio::time::sleep(LOOK).await;
                }
                hall.engine.halt(&boxes[4]).await.unwrap();
            };
            let script = compiles(&format!("{word}-die"), 8);
            let serving = tokens.serve(&offers[4]);
            let mut log = |_: &[u8]| {};
            let command = ["bash", "-c", &script];
            let compiling = hall.engine.exec(&boxes[4], &command, &mut log);
            let (_, ()) = tokio::join!(compiling, killed);
            drop(serving);
            hall.engine.start_again(&boxes[4]).await.unwrap();
        }
    };
    let ran = async { tokio::join!(run(0, 24), run(1, 24), run(2, 24), run(3, 24), dying) };
    let (first, second, third, fourth, ()) = hall.wait(ran);
    let (most, full) = counting.end();
    for container in &boxes {
        hall.wait(hall.engine.remove_container(container)).unwrap();
    }
    for (code, said) in [first, second, third, fourth] {
        assert_eq!(code, 0, "{said}");
        assert!(!said.contains("warning"), "{said}");
    }
    assert_eq!(most, 2);
    assert!(full > 50, "{full}");
    let own = hall.wait(tokens.one());
    assert_eq!(tokens.more().len(), 1, "all are back");
    drop(own);
}
