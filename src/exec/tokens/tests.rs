//! With real fifos, of which threads are the boxes.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;

const SOON: Duration = Duration::from_secs(20);

/// In the system's folder.
fn offer(_: &Tokens) -> Offer {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    let name = format!("{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::SeqCst));
    Offer::at(&std::env::temp_dir().join("bb-jobservers").join(name)).unwrap()
}

/// Waits until something is so.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < SOON, "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

impl Tokens {
    fn free(&self) -> usize {
        self.0.state().free
    }

    fn is_quiet(&self) -> bool {
        !self.0.state().is_looked_after
    }
}

/// The other side of a fifo: what a box has open.
fn inside(offer: &Offer) -> Fifo {
    Fifo::open(offer.path()).unwrap()
}

#[tokio::test]
async fn a_step_waits_for_its_token() {
    let tokens = Tokens::new(2, None, None);
    let (first, second) = (tokens.one().await, tokens.one().await);
    let waiting = tokio::spawn({
        let tokens = tokens.clone();
        async move { tokens.one().await }
    });
    // One that gives up, and is before it or behind it.
    let gone = tokio::time::timeout(Duration::from_millis(30), tokens.one()).await;
    assert!(gone.is_err() && !waiting.is_finished());
    drop(first);
    let third = waiting.await.unwrap();
    assert_eq!(tokens.free(), 0);
    drop((second, third));
    assert_eq!(tokens.free(), 2);
    until("the thread is gone", || tokens.is_quiet());
}

#[tokio::test]
async fn what_is_free_is_given_at_once_and_not_more_than_there_is() {
    let tokens = Tokens::new(4, None, None);
    let own = tokens.one().await;
    let more = tokens.more();
    assert_eq!((more.len(), tokens.free()), (3, 0));
    assert_eq!(tokens.more().len(), 0);
    drop((own, more));
    assert_eq!((Tokens::new(1, None, None).more().len(), tokens.free()), (0, 4));
    assert_eq!(Tokens::new(17, None, None).more().len(), 12, "a quarter is left for others");
}

/// Four boxes of eight workers each, at two tokens: never more than two work, all come to it, and all tokens are back.
#[test]
fn boxes_share_a_budget() {
    let tokens = Tokens::new(2, None, None);
    let (now, most, ended) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    let done = [const { AtomicUsize::new(0) }; 4];
    let offers = [(); 4].map(|()| offer(&tokens));
    let serving = offers.iter().map(|offer| tokens.serve(offer)).collect::<Vec<_>>();
    std::thread::scope(|scope| {
        for (offer, done) in offers.iter().zip(&done) {
            for _ in 0..8 {
                scope.spawn(|| {
                    let fifo = inside(offer);
                    while !ended.load(Ordering::SeqCst) {
                        if !fifo.take() {
                            std::thread::sleep(Duration::from_micros(300));
                            continue;
                        }
                        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::sleep(Duration::from_millis(3));
                        now.fetch_sub(1, Ordering::SeqCst);
                        done.fetch_add(1, Ordering::SeqCst);
                        fifo.put();
                    }
                });
            }
        }
        let begun = Instant::now();
        let all = || done.iter().all(|done| done.load(Ordering::SeqCst) > 20);
        while !all() && begun.elapsed() < SOON {
            std::thread::sleep(LOOK);
        }
        ended.store(true, Ordering::SeqCst);
    });
    let done = done.each_ref().map(|done| done.load(Ordering::SeqCst));
    assert!(done.iter().all(|done| *done > 20), "{done:?}");
    assert_eq!(most.load(Ordering::SeqCst), 2);
    drop(serving);
    assert_eq!(tokens.free(), 2);
}

#[test]
fn what_a_dead_box_held_comes_back_while_others_run() {
    let tokens = Tokens::new(3, None, None);
    for _ in 0..20 {
        let offer = offer(&tokens);
        let serving = tokens.serve(&offer);
        let dies = inside(&offer);
        for _ in 0..3 {
            until("it takes all", || dies.take());
        }
        drop(serving);
        assert_eq!(tokens.free(), 3);
        let path = offer.path().to_owned();
        drop(offer);
        assert!(!path.exists(), "whoever reads it waits");
    }
}

#[test]
fn what_a_box_adds_is_its_own_and_goes_nowhere() {
    let tokens = Tokens::new(1, None, None);
    let (greedy, other) = (offer(&tokens), offer(&tokens));
    let serving = tokens.serve(&greedy);
    let fifo = inside(&greedy);
    until("it has the only one", || fifo.take());
    for _ in 0..100_000 {
        fifo.put();
    }
    until("what was added is gone but for what may be the one", || fifo.lying() <= 1);
    let second = tokens.serve(&other);
    let waits = inside(&other);
    until("which the other one gets", || waits.take());
    std::thread::sleep(LOOK * 5);
    assert!(!waits.take(), "and no second one");
    drop((serving, second));
    assert_eq!(tokens.free(), 1);
}

/// A box that lets a token go gets the next one after the others.
#[test]
fn a_box_that_has_more_gives_up_first() {
    let tokens = Tokens::new(3, None, None);
    let (first, second) = (offer(&tokens), offer(&tokens));
    let _serving = tokens.serve(&first);
    let (rich, poor) = (inside(&first), inside(&second));
    for _ in 0..3 {
        until("it takes all", || rich.take());
    }
    let _second = tokens.serve(&second);
    std::thread::sleep(LOOK * 3);
    assert!(!poor.take());
    rich.put();
    until("the one that came back", || poor.take());
    rich.put();
    until("lies where it is wanted", || poor.lying() == 1 || rich.lying() == 1);
}

#[tokio::test]
async fn whoever_keeps_all_does_not_keep_others_from_ending() {
    let tokens = Tokens::with_patience(1, None, None, Duration::from_millis(50));
    let offer = offer(&tokens);
    let serving = tokens.serve(&offer);
    let fifo = inside(&offer);
    until("it has the only one", || fifo.take());
    let token = tokio::time::timeout(SOON, tokens.one()).await.unwrap();
    drop(token);
    drop(serving);
    until("there is one as before", || tokens.free() == 1);
}

/// As make would: a fifo with tokens that are told apart.
#[tokio::test]
async fn makes_tokens_come_back_as_they_were() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("make");
    let make = Fifo::make(&path).unwrap();
    std::fs::write(&path, "abc").unwrap();
    let flags = format!(" -j4 --jobserver-auth=fifo:{}", path.display());
    let tokens = Tokens::new(64, Upstream::inherited(&flags).map(Arc::new), None);
    let own = tokens.one().await;
    assert_eq!(make.lying(), 3, "it has one already");
    let more = tokens.more();
    assert_eq!((more.len(), make.lying()), (3, 0));
    drop((own, more));
    assert_eq!((tokens.free(), make.lying()), (1, 3));

    let offer = offer(&tokens);
    let serving = tokens.serve(&offer);
    let inside = inside(&offer);
    until("all four are for the box", || inside.take());
    for _ in 0..3 {
        until("and make's", || inside.take());
    }
    assert_eq!(make.lying(), 0);
    for _ in 0..4 {
        inside.put();
    }
    until("what lies in the box is make's again", || make.lying() == 3);
    drop(serving);
    let mut left = std::io::read_to_string(File(&make)).unwrap().into_bytes();
    left.sort_unstable();
    assert_eq!(left, b"abc");
}

/// What is in a fifo now.
struct File<'f>(&'f Fifo);

impl std::io::Read for File<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.lying() == 0 {
            Ok(0)
        } else {
            rustix::io::read(self.0.as_fd(), buffer).map_err(Into::into)
        }
    }
}

#[tokio::test]
async fn a_machine_that_is_busy_gets_no_more_to_do_than_one() {
    static RUNNING: AtomicUsize = AtomicUsize::new(9);
    let load = Load::told_by(8, || RUNNING.load(Ordering::SeqCst));
    let tokens = Tokens::new(3, None, Some(load));
    let offer = offer(&tokens);
    // Somebody works, whatever else the machine does.
    let first = tokens.one().await;
    let serving = tokens.serve(&offer);
    let waiting = tokio::spawn({
        let tokens = tokens.clone();
        async move { tokens.one().await }
    });
    std::thread::sleep(5 * LOOK);
    assert!(!waiting.is_finished() && tokens.more().is_empty());
    assert_eq!((tokens.at_work(), inside(&offer).lying()), ((1, Some(3)), 0));
    RUNNING.store(8, Ordering::SeqCst);
    let second = waiting.await.unwrap();
    until("the box has the third", || inside(&offer).lying() == 1);
    assert_eq!(tokens.at_work(), (3, Some(3)));
    drop((first, second, serving));
    assert_eq!(tokens.at_work(), (0, Some(3)));
    until("the thread is gone", || tokens.is_quiet());
}
