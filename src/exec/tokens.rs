//! One budget of jobs for all that runs: steps, and the compilers in their boxes, whichever box they are in.
//!
//! Each step that works has one token; while packages are compiled in its box, the tools there ask for tokens instead, at a
//! fifo of the box's own, as GNU make's jobserver has it. A token in a fifo has no owner: so each box has its own one,
//! and what was given to it is counted here. What a box held comes back when it is gone, whatever became of its
//! processes, and what it puts in besides is taken away. Where make has started us, its tokens are the budget.
//!
//! Does not know what steps do, or what engines are.

use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::sync::oneshot;

use self::fifo::Fifo;
pub use self::load::Load;
use self::share::{From, Holder};
pub use self::upstream::Upstream;

mod fifo;
mod load;
mod share;
mod upstream;

/// How often boxes are looked at while somebody may want a token. A compiler runs for longer.
const LOOK: Duration = Duration::from_millis(10);
/// Make's tokens that a box has not taken up for so long go back to make, whose other children may want them. For as long
/// again the box is offered none.
const LIES: Duration = Duration::from_millis(50);
/// Where somebody has none and nobody has given one back for so long, there is one more: a box that keeps all of them
/// to itself does not keep others from ending.
const PATIENCE: Duration = Duration::from_secs(600);

/// The budget.
#[derive(Debug, Clone)]
pub struct Tokens(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    total: usize,
    load: Option<Load>,
    patience: Duration,
}

#[derive(Debug)]
struct State {
    /// What nobody has.
    free: usize,
    /// Make's, with those of its tokens that are in play here: of these, each child of make's has one that it keeps.
    upstream: Option<(Arc<Upstream>, Vec<u8>)>,
    /// Beyond the budget.
    lent: usize,
    /// When one was given or came back last.
    moved: Instant,
    /// Who may want some, in the order in which they came or were given one last.
    claims: Vec<Claim>,
    next: u64,
    /// Whether a thread looks after the boxes.
    is_looked_after: bool,
}

#[derive(Debug)]
struct Claim {
    id: u64,
    who: Who,
}

#[derive(Debug)]
enum Who {
    Step(oneshot::Sender<Token>),
    Box {
        fifo: Arc<Fifo>,
        given: usize,
        /// When it was given one last, or one was taken back because it lay about.
        since: Instant,
        is_idle: bool,
    },
}

/// The right to do one thing; it goes back by itself.
#[derive(Debug)]
pub struct Token(Option<Arc<Shared>>);

/// A step's work: it has one token, but for the time that it leaves it to what it has started.
#[derive(Debug)]
pub struct Turn {
    tokens: Tokens,
    token: Option<Token>,
}

/// A fifo for one box, in which nothing lies before it is served.
#[derive(Debug)]
pub struct Offer {
    fifo: Arc<Fifo>,
    path: PathBuf,
}

/// Tokens are offered to a box for as long as there is this.
#[derive(Debug)]
pub struct Serving {
    shared: Arc<Shared>,
    id: u64,
}

impl Tokens {
    /// So many, or, where make has started us, its own.
    pub fn new(total: usize, upstream: Option<Arc<Upstream>>, load: Option<Load>) -> Self {
        Self::with_patience(total, upstream, load, PATIENCE)
    }

    fn with_patience(
        total: usize,
        upstream: Option<Arc<Upstream>>,
        load: Option<Load>,
        patience: Duration,
    ) -> Self {
        let state = State {
            // The one that make has given each of its children.
            free: if upstream.is_some() { 1 } else { total.max(1) },
            upstream: upstream.map(|make| (make, vec![])),
            lent: 0,
            moved: Instant::now(),
            claims: vec![],
            next: 0,
            is_looked_after: false,
        };
        let (state, changed) = (Mutex::new(state), Condvar::new());
        Self(Arc::new(Shared { state, changed, total: total.max(1), load, patience }))
    }

    /// How many jobs are at work, and how many may be; that is not known where make counts them.
    pub fn at_work(&self) -> (usize, Option<usize>) {
        let state = self.0.state();
        let of = state.upstream.is_none().then_some(self.0.total);
        (self.0.at_work(&state), of)
    }

    /// One, as soon as there is one.
    ///
    /// Whoever stops waiting gets none, and no one is lost.
    pub async fn one(&self) -> Token {
        let waiting = {
            let mut state = self.0.state();
            if state.free > 0 && state.claims.is_empty() && !self.0.is_loaded(&state) {
                state.free -= 1;
                return self.0.token();
            }
            let (sender, waiting) = oneshot::channel();
            self.0.claim(&mut state, Who::Step(sender));
            waiting
        };
        // The other side goes only with all of it.
        waiting.await.unwrap_or(Token(None))
    }

    /// Of those that are free just now, three of four: others who come have something left. Not more than there are in all
    /// with the one that the asker has.
    pub fn more(&self) -> Vec<Token> {
        let mut state = self.0.state();
        if self.0.is_loaded(&state) {
            return vec![];
        }
        while state.free + 1 < self.0.total && state.draw() {}
        let free = state.free.min(self.0.total - 1);
        let most = free - free / 4;
        state.free -= most;
        (0..most).map(|_| self.0.token()).collect()
    }

    /// Offers tokens to whoever reads the fifo.
    pub fn serve(&self, offer: &Offer) -> Serving {
        offer.clear();
        let who =
            Who::Box { fifo: offer.fifo.clone(), given: 0, since: Instant::now(), is_idle: false };
        let id = self.0.claim(&mut self.0.state(), who);
        Serving { shared: self.0.clone(), id }
    }
}

impl Turn {
    /// As soon as there is a token for it.
    pub async fn begin(tokens: &Tokens) -> Self {
        Self { tokens: tokens.clone(), token: Some(tokens.one().await) }
    }

    /// Whoever reads the box's fifo works instead, until `done` is.
    pub async fn left_to<T>(&mut self, offer: &Offer, done: impl Future<Output = T>) -> T {
        self.token = None;
        let serving = self.tokens.serve(offer);
        let done = done.await;
        drop(serving);
        self.token = Some(self.tokens.one().await);
        done
    }

    /// The tokens that are free besides its own, to be kept for as long as what it starts by them runs.
    pub fn more(&self) -> Vec<Token> {
        self.tokens.more()
    }
}

impl Offer {
    /// At a path, in a folder that nobody else can enter, for as long as there is this: who copies a state folder is not to
    /// wait at it. What is mounted by then stays mounted; a box that is started again is to have one there again.
    ///
    /// # Errors
    /// It cannot be made, or something else is there.
    pub fn at(path: &Path) -> io::Result<Self> {
        let folder = path.parent().unwrap_or(path);
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let fifo = Fifo::make(path)?;
        let offer = Self { fifo: Arc::new(fifo), path: path.canonicalize()? };
        offer.clear();
        Ok(offer)
    }

    /// Puts something in, by which a box knows that this is the other end, and no fifo that only looks like it: on a
    /// file system that two machines share, each has its own.
    pub fn greet(&self) {
        self.fifo.put();
    }

    /// Takes out what lies there.
    fn clear(&self) {
        self.fifo.discard(self.fifo.lying());
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn token(self: &Arc<Self>) -> Token {
        Token(Some(self.clone()))
    }

    fn claim(self: &Arc<Self>, state: &mut State, who: Who) -> u64 {
        state.next += 1;
        let id = state.next;
        state.claims.push(Claim { id, who });
        if !state.is_looked_after {
            state.is_looked_after = true;
            let shared = self.clone();
            std::thread::spawn(move || shared.look_after());
        }
        self.changed.notify_all();
        id
    }

    fn at_work(&self, state: &State) -> usize {
        let all = match &state.upstream {
            Some((_, drawn)) => 1 + drawn.len(),
            None => self.total,
        };
        (all + state.lent).saturating_sub(state.free)
    }

    /// Whether nothing more may begin. One is always at work.
    fn is_loaded(&self, state: &State) -> bool {
        self.at_work(state) > 0 && self.load.is_some_and(Load::is_exceeded)
    }

    /// Moves tokens to who wants them, until there is nobody left who could.
    fn look_after(self: &Arc<Self>) {
        loop {
            let mut state = self.state();
            // Tokens of steps that wait no more: giving them back takes the lock.
            let (watched, unwanted) = self.look(&mut state);
            if state.claims.is_empty() {
                state.is_looked_after = false;
                drop((state, unwanted));
                return;
            }
            if watched.is_empty() {
                drop(self.changed.wait_timeout(state, LOOK));
            } else {
                drop(state);
                wait_for_one(&watched);
            }
            drop(unwanted);
        }
    }

    /// All moves that there are now; and the boxes in which the next one is waited for.
    fn look(self: &Arc<Self>, state: &mut State) -> (Vec<Arc<Fifo>>, Vec<Token>) {
        let mut unwanted = vec![];
        state.tidy();
        // No more: between two boxes that want none, the last one would go to and fro.
        for _ in 0..=state.claims.len() {
            let holders = state.claims.iter().map(Claim::holder).collect::<Vec<_>>();
            let Some((to, from)) = share::next(state.free, &holders) else {
                state.hand_back();
                break;
            };
            if self.is_loaded(state) {
                break;
            }
            let is_there = match from {
                From::Free => true,
                // Unless somebody in the box was faster.
                From::Box(at) => state.take(at),
                From::Nowhere => state.draw() || state.lend(holders.get(to), self.patience),
            };
            if is_there {
                unwanted.extend(state.give(to, self));
            } else if from == From::Nowhere {
                let above = share::above(to, &holders).filter_map(|at| state.fifo(at));
                return (above.collect(), unwanted);
            }
        }
        (vec![], unwanted)
    }

    fn give_back(&self, count: usize) {
        let mut state = self.state();
        state.back(count);
        if state.claims.is_empty() {
            state.hand_back();
        }
        self.changed.notify_all();
    }
}

/// Until there is something in one of these, or for a moment. Other ones may come meanwhile.
fn wait_for_one(fifos: &[Arc<Fifo>]) {
    let fds = fifos.iter().map(|fifo| fifo.as_fd());
    let mut polled = fds.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect::<Vec<_>>();
    let timeout = Timespec::try_from(LOOK).ok();
    if poll(&mut polled, timeout.as_ref()).is_err() {
        std::thread::sleep(LOOK);
    }
}

impl State {
    /// Whoever waits no more is gone; what boxes have put in besides is taken away; what is make's and lies about goes back.
    fn tidy(&mut self) {
        self.claims.retain(|claim| !matches!(&claim.who, Who::Step(sender) if sender.is_closed()));
        let mut lay = 0;
        for claim in &mut self.claims {
            let Who::Box { fifo, given, since, is_idle } = &mut claim.who else { continue };
            let lying = fifo.lying();
            fifo.discard(lying.saturating_sub(*given));
            *is_idle = *is_idle && since.elapsed() < LIES;
            let lies = self.upstream.is_some() && *given > 0 && since.elapsed() > LIES;
            if lies && lying > 0 && fifo.take() {
                (*given, *since, *is_idle, lay) = (*given - 1, Instant::now(), true, lay + 1);
            }
        }
        if lay > 0 {
            self.back(lay);
            self.hand_back();
        }
    }

    /// One of make's, if it has one to spare.
    fn draw(&mut self) -> bool {
        let Some((make, drawn)) = &mut self.upstream else { return false };
        let token = make.take();
        drawn.extend(token);
        self.free += usize::from(token.is_some());
        token.is_some()
    }

    /// What is free goes back to make, but for the one that is ours.
    fn hand_back(&mut self) {
        let Some((make, drawn)) = &mut self.upstream else { return };
        while self.free > 0
            && let Some(token) = drawn.pop()
        {
            make.give(token);
            self.free -= 1;
        }
    }

    /// One beyond the budget, for who has none although it has waited for long.
    fn lend(&mut self, to: Option<&Holder>, patience: Duration) -> bool {
        let has_none = to.is_some_and(|holder| holder.given == 0);
        let lends = has_none && self.moved.elapsed() > patience;
        if lends {
            self.lent += 1;
            self.free += 1;
        }
        lends
    }

    fn back(&mut self, count: usize) {
        self.moved = Instant::now();
        // What was lent is lent on.
        let is_wanted = self.claims.iter().any(|claim| matches!(claim.who, Who::Step(_)));
        let owed = if is_wanted { 0 } else { count.min(self.lent) };
        self.lent -= owed;
        self.free += count - owed;
    }

    fn fifo(&self, at: usize) -> Option<Arc<Fifo>> {
        match &self.claims.get(at)?.who {
            Who::Box { fifo, .. } => Some(fifo.clone()),
            Who::Step(_) => None,
        }
    }

    /// Takes one back that lies in a box's fifo.
    fn take(&mut self, at: usize) -> bool {
        let Some(Who::Box { fifo, given, .. }) =
            self.claims.get_mut(at).map(|claim| &mut claim.who)
        else {
            return false;
        };
        let taken = fifo.take();
        *given -= usize::from(taken && *given > 0);
        self.free += usize::from(taken);
        taken
    }

    /// Gives a free one away; a box that had its turn stands behind the others. A step that wants none any more is gone,
    /// and has it back.
    fn give(&mut self, at: usize, shared: &Arc<Shared>) -> Option<Token> {
        self.moved = Instant::now();
        self.free -= 1;
        let mut claim = self.claims.remove(at);
        match &mut claim.who {
            Who::Box { fifo, given, since, .. } => {
                fifo.put();
                (*given, *since) = (*given + 1, Instant::now());
                self.claims.push(claim);
                None
            }
            Who::Step(_) => claim.sender()?.send(shared.token()).err(),
        }
    }
}

impl Claim {
    fn sender(self) -> Option<oneshot::Sender<Token>> {
        match self.who {
            Who::Step(sender) => Some(sender),
            Who::Box { .. } => None,
        }
    }

    fn holder(&self) -> Holder {
        match &self.who {
            Who::Step(_) => Holder { wants: true, ..Holder::default() },
            // Nobody sees who waits at a fifo: an empty one looks like it.
            Who::Box { fifo, given, is_idle, .. } => {
                let lying = fifo.lying().min(*given);
                Holder { given: *given, lying, wants: lying == 0 && !is_idle }
            }
        }
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        if let Some(shared) = &self.0 {
            shared.give_back(1);
        }
    }
}

impl Drop for Offer {
    fn drop(&mut self) {
        // Where it stays, the next one takes it.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        let at = state.claims.iter().position(|claim| claim.id == self.id);
        let who = at.map(|at| state.claims.remove(at).who);
        drop(state);
        if let Some(Who::Box { given, fifo, .. }) = who {
            // What a box's last process may leave behind goes nowhere.
            fifo.discard(fifo.lying());
            self.shared.give_back(given);
        }
    }
}

#[cfg(test)]
mod tests;
