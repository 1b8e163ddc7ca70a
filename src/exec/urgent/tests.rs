//! The order, on its own and over made-up plans in time that only counts: against what no order can undercut, against
//! the order in which make begins, and, of small plans, against every order there is.

use std::ops::RangeInclusive;

use litemap::LiteMap;

use super::*;
use crate::base::ids::{Kind, StepId};
use crate::exec::sched::{Outcome, Sched};
use crate::exec::standing;
use crate::exec::standing::Fate;
use crate::plan::step::{Need, Step, Work};

const SECOND: Duration = Duration::from_secs(1);

/// Steps by their numbers, each with those that it needs.
fn plan(needs: &[Vec<usize>]) -> Plan {
    let id = |number: usize| StepId::new(Kind::Fetch, format!("{number:04}"));
    let step = |(number, needs): (usize, &Vec<usize>)| Step {
        id: id(number),
        files: vec![],
        triggered_files: vec![],
        params: LiteMap::new(),
        needs: needs.iter().map(|need| Need::order(id(*need))).collect(),
        outputs: vec![],
        objects: vec![],
        work: Work::Fetch { path: String::new(), dest: id(number).name.into(), pinned: None },
    };
    Plan::new(needs.iter().enumerate().map(step).collect()).unwrap()
}

fn number(plan: &Plan, ix: StepIx) -> usize {
    plan.step(ix).id.name.parse().unwrap()
}

/// A plan, and how long each of its steps takes.
struct Case {
    plan: Plan,
    takes: Vec<Duration>,
}

impl Case {
    fn new(needs: &[Vec<usize>], seconds: impl Fn(usize) -> f64) -> Self {
        let plan = plan(needs);
        let mut takes = vec![Duration::ZERO; plan.len()];
        for ix in plan.order() {
            takes[ix.index()] = SECOND.mul_f64(seconds(number(&plan, *ix)));
        }
        Self { plan, takes }
    }

    /// Layers of steps, each of which needs some of the layer before it: durations are log-normal.
    fn made_up(
        random: &mut fastrand::Rng,
        steps: RangeInclusive<usize>,
        width: RangeInclusive<usize>,
    ) -> Self {
        let (steps, width) = (random.usize(steps), random.usize(width));
        let mut needs: Vec<Vec<usize>> = vec![];
        let mut before = 0..0;
        while needs.len() < steps {
            let end = steps.min(needs.len() + random.usize(1..=width));
            let layer = needs.len()..end;
            for _ in layer.clone() {
                let mut own = (0..3).filter(|_| !before.is_empty()).collect::<Vec<_>>();
                for need in &mut own {
                    *need = random.usize(before.clone());
                }
                own.extend(
                    (before.start > 0 && random.u8(..5) == 0).then(|| random.usize(..before.start)),
                );
                own.sort_unstable();
                own.dedup();
                needs.push(own);
            }
            before = layer;
        }
        let seconds = (0..steps).map(|_| log_normal(random)).collect::<Vec<_>>();
        Self::new(&needs, |number| seconds[number])
    }

    fn to_come(&self) -> Vec<Duration> {
        to_come(&self.plan, |ix| self.takes[ix.index()])
    }

    /// No order takes less.
    fn bound(&self, slots: u32) -> Duration {
        let path = self.to_come().into_iter().max().unwrap();
        path.max(self.takes.iter().sum::<Duration>() / slots)
    }

    /// How long all takes, by the scheduler and the queue as a run has them.
    fn makespan(&self, slots: u32, by_urgency: bool) -> Duration {
        self.run(slots, by_urgency, &mut |_, _, _| {})
    }

    /// The same; `look` is told of each moment at which a step ends, with what runs then and since when.
    fn run(&self, slots: u32, by_urgency: bool, look: &mut Look<'_>) -> Duration {
        let urgency =
            if by_urgency { self.to_come() } else { vec![Duration::ZERO; self.takes.len()] };
        let mut sched = Sched::new(&self.plan, false);
        let (mut queue, mut running) = (Queue::default(), BinaryHeap::new());
        let mut now = Duration::ZERO;
        loop {
            let mut ready = std::iter::from_fn(|| sched.next_ready()).collect::<Vec<_>>();
            ready.sort_by_key(|ix| sched.rank(*ix));
            for ix in ready {
                queue.push(ix, ix);
            }
            while let Some(room @ 1..) = (slots as usize).checked_sub(running.len())
                && let Some(ix) = queue.pop(room, false, || &urgency)
            {
                running.push(Reverse((now + self.takes[ix.index()], ix)));
            }
            look(now, &sched, &running);
            let Some(Reverse((end, ix))) = running.pop() else { return now };
            now = end;
            sched.ended(ix, Outcome::Executed);
        }
    }

    /// What a run of this case is told of how long it will take, where it is half over: with how long it takes then.
    fn left_at_half_time(&self, slots: u32, expected: &[Duration]) -> (Duration, Duration) {
        let all = self.makespan(slots, true);
        let mut told = None;
        let mut look = |now: Duration, sched: &Sched<'_>, running: &Running| {
            if now < all / 2 || told.is_some() {
                return;
            }
            let ends = running.iter().map(|Reverse((end, ix))| (*ix, *end));
            let ends = ends.collect::<std::collections::HashMap<_, _>>();
            let mut fates = vec![Fate::Over; expected.len()];
            for ix in self.plan.order().iter().filter(|ix| !sched.is_over(**ix)) {
                let takes = expected[ix.index()];
                fates[ix.index()] = ends.get(ix).map_or(Fate::Waits(takes), |end| {
                    let took = self.takes[ix.index()].saturating_sub(end.saturating_sub(now));
                    Fate::Runs(takes.saturating_sub(took))
                });
            }
            told =
                Some((standing::left(&self.plan, &fates, slots as usize), all.saturating_sub(now)));
        };
        self.run(slots, true, &mut look);
        told.unwrap_or_default()
    }

    /// The shortest, by trying what may begin next, or to wait.
    fn best(&self, slots: usize) -> Duration {
        let needs = (0..self.takes.len()).map(|_| 0_u32).collect::<Vec<_>>();
        let mut search =
            Search { case: self, slots, needs, to_come: self.to_come(), best: Duration::MAX };
        for ix in self.plan.order() {
            search.needs[ix.index()] = self.plan.upstream(*ix).map(|up| 1 << up.index()).sum();
        }
        search.go(Duration::ZERO, 0, 0, &mut vec![], None);
        search.best
    }
}

type Running = BinaryHeap<Reverse<(Duration, StepIx)>>;
type Look<'l> = dyn FnMut(Duration, &Sched<'_>, &Running) + 'l;

/// Branch and bound over all orders.
struct Search<'c> {
    case: &'c Case,
    slots: usize,
    /// By step, the bits of those that it needs.
    needs: Vec<u32>,
    to_come: Vec<Duration>,
    best: Duration,
}

impl Search<'_> {
    /// `after`: of steps that begin at the same moment, the order does not matter.
    fn go(
        &mut self,
        now: Duration,
        begun: u32,
        ended: u32,
        running: &mut Vec<(Duration, usize)>,
        after: Option<usize>,
    ) {
        if begun.count_ones() as usize == self.needs.len() {
            self.best = self.best.min(running.iter().map(|(end, _)| *end).max().unwrap_or(now));
            return;
        }
        let open = (0..self.needs.len()).filter(|ix| begun & 1 << ix == 0);
        if open.map(|ix| now + self.to_come[ix]).max() >= Some(self.best) {
            return;
        }
        if running.len() < self.slots {
            for ix in after.map_or(0, |ix| ix + 1)..self.needs.len() {
                if begun & 1 << ix == 0 && self.needs[ix] & !ended == 0 {
                    running.push((now + self.case.takes[ix], ix));
                    self.go(now, begun | 1 << ix, ended, running, Some(ix));
                    running.pop();
                }
            }
        }
        if let Some(end) = running.iter().map(|(end, _)| *end).min() {
            let mut still =
                running.iter().copied().filter(|(other, _)| *other > end).collect::<Vec<_>>();
            let done = running
                .iter()
                .filter(|(other, _)| *other == end)
                .map(|(_, ix)| 1 << ix)
                .sum::<u32>();
            self.go(end, begun, ended | done, &mut still, None);
        }
    }
}

/// Box and Muller: half a minute to a few minutes, and now and then something long.
fn log_normal(random: &mut fastrand::Rng) -> f64 {
    let angle = std::f64::consts::TAU * random.f64();
    (60.0_f64.ln() + 1.2 * (-2.0 * (1.0 - random.f64()).ln()).sqrt() * angle.cos()).exp()
}

fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}

fn average(ratios: &[f64]) -> f64 {
    ratios.iter().sum::<f64>() / f64::from(u16::try_from(ratios.len()).unwrap())
}

#[test]
fn the_longest_way_to_the_end_begins_first() {
    // 0 and 1 are short, but for what waits for 1.
    let case = Case::new(&[vec![], vec![], vec![1], vec![]], |n| [5.0, 1.0, 9.0, 7.0][n]);
    let to_come = case.to_come();
    let find =
        |n: usize| *case.plan.order().iter().find(|ix| number(&case.plan, **ix) == n).unwrap();
    assert_eq!([0, 1, 2, 3].map(|n| to_come[find(n).index()].as_secs()), [5, 10, 9, 7]);
    let mut queue = Queue::default();
    for n in [0, 3, 1] {
        queue.push(find(n), n);
    }
    let mut pop = || queue.pop(1, false, || &to_come);
    assert_eq!([pop(), pop(), pop(), pop()], [Some(1), Some(3), Some(0), None]);
    for n in [0, 3, 1] {
        queue.push(find(n), n);
    }
    let mut pop = || queue.pop(1, true, || panic!("one by one"));
    assert_eq!([pop(), pop(), pop()], [Some(0), Some(3), Some(1)]);
}

#[test]
fn what_fits_comes_as_it_came_and_nobody_asks_how_long_it_takes() {
    let case = Case::new(&[vec![], vec![]], |_| 1.0);
    let mut queue = Queue::default();
    for ix in case.plan.order() {
        queue.push(*ix, number(&case.plan, *ix));
    }
    queue.push_first(7);
    let mut pop = || queue.pop(2, false, || panic!("nobody has to know"));
    let order = [0, 1].map(|at| Some(number(&case.plan, case.plan.order()[at])));
    assert_eq!([pop(), pop(), pop(), pop()], [Some(7), order[0], order[1], None]);
}

#[test]
fn made_up_plans_take_little_more_than_they_must_and_no_longer_than_in_makes_order() {
    let mut random = fastrand::Rng::with_seed(20_261_130);
    let mut ratios = vec![];
    for _ in 0..200 {
        let case = Case::made_up(&mut random, 20..=400, 2..=20);
        let slots = [2, 3, 4, 8][random.usize(..4)];
        let taken = case.makespan(slots, true);
        ratios.push(ratio(taken, case.bound(slots)));
        let in_order = ratio(taken, case.makespan(slots, false));
        assert!(in_order <= 1.02, "{in_order} times as long as in their order");
    }
    let average = average(&ratios);
    println!("{average:.3} times what they must take");
    assert!(average <= 1.05);
}

#[test]
fn small_plans_take_hardly_longer_than_in_the_best_order() {
    let mut random = fastrand::Rng::with_seed(20_261_201);
    let mut ratios = vec![];
    for _ in 0..60 {
        let case = Case::made_up(&mut random, 4..=10, 2..=4);
        let slots = random.u32(2..=3);
        let best = case.best(slots as usize);
        let taken = case.makespan(slots, true);
        assert!(best <= taken && best >= case.bound(slots));
        ratios.push(ratio(taken, best));
    }
    let average = average(&ratios);
    println!("{average:.3} times the best");
    assert!(average <= 1.02);
}

#[test]
fn at_half_time_it_is_told_how_long_the_rest_takes() {
    let mut random = fastrand::Rng::with_seed(20_261_130);
    let (mut same, mut others) = (vec![], vec![]);
    for _ in 0..200 {
        let case = Case::made_up(&mut random, 20..=400, 2..=20);
        let slots = [2, 3, 4, 8][random.usize(..4)];
        let off_by = |(told, left): (Duration, Duration)| (ratio(told, left) - 1.0).abs();
        same.push(off_by(case.left_at_half_time(slots, &case.takes)));
        // Each took up to a third more or less the last time.
        let expected = case.takes.iter().map(|takes| takes.mul_f64(0.67 + 0.66 * random.f64()));
        others.push(off_by(case.left_at_half_time(slots, &expected.collect::<Vec<_>>())));
    }
    println!("off by {:.3}, and by {:.3}", average(&same), average(&others));
    assert!(average(&same) < 0.02 && average(&others) < 0.1);
    assert!(same.into_iter().chain(others).all(|off_by| off_by < 0.33));
}

/// The shipped docks, with how long each step took where the catalogue was built from nothing on two cores: a line for
/// a step, with its seconds and what it needs.
const SHIPPED: &str = include_str!("shipped.txt");

#[test]
fn the_shipped_docks_take_little_more_than_they_must() {
    let lines = SHIPPED.lines().map(|line| line.split(' ').collect::<Vec<_>>()).collect::<Vec<_>>();
    let at = |id: &str| lines.iter().position(|line| line[0] == id).unwrap();
    let needs = lines.iter().map(|line| line[2..].iter().map(|id| at(id)).collect::<Vec<_>>());
    let seconds = |number: usize| lines[number][1].parse::<f64>().unwrap();
    let case = Case::new(&needs.collect::<Vec<_>>(), seconds);
    let ratios = [2, 3, 4, 8].map(|slots| {
        let taken = case.makespan(slots, true);
        let in_order = ratio(taken, case.makespan(slots, false));
        println!("{slots} at once: {taken:.0?}, {in_order:.3} times as long as in make's order");
        assert!(in_order <= 1.02, "{in_order}");
        ratio(taken, case.bound(slots))
    });
    println!("{ratios:.3?} times what they must take");
    assert!(average(&ratios) <= 1.05);
}
