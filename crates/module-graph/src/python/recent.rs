//! What a load has told lately: a small table in front of the sets that know everything.
//!
//! Code reads the same few names over and over. To find one of them here costs two comparisons, where
//! a set costs a hash and a walk.
//!
//! Kept true: it only ever knows what the load's sets know too, so that forgetting is always right.

use std::cell::Cell;

use super::startup::What;

/// A power of two. Each load that is under way has a table.
const PLACES: usize = 32;

/// By address, the last one of each place.
#[derive(Default)]
pub(super) struct Recent([Cell<Told>; PLACES]);

/// Something that need not be told again for a while.
#[derive(Default, Clone, Copy)]
struct Told {
    what: What,
    /// For so many times more.
    times: u32,
}

impl Recent {
    /// Whether `what` need not be told this time.
    #[inline]
    pub(super) fn absorbs(&self, what: What) -> bool {
        let place = &self.0[place_of(what)];
        let told = place.get();
        let is_known = told.what == what && told.times > 0;
        if is_known {
            let times = told.times - 1;
            place.set(Told { what, times });
        }
        is_known
    }

    /// `what` need not be told for so many times from now on.
    pub(super) fn keep(&self, what: What, times: u32) {
        self.0[place_of(what)].set(Told { what, times });
    }

    /// Everything is to be told again.
    pub(super) fn forget(&self) {
        for place in &self.0 {
            place.take();
        }
    }
}

/// Objects lie at multiples of sixteen.
fn place_of(what: What) -> usize {
    ((what.0 >> 4) ^ (what.1 >> 4) ^ (what.1 >> 9)) % PLACES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_absorbed_so_many_times() {
        let recent = Recent::default();
        assert!(!recent.absorbs((16, 32)));
        recent.keep((16, 32), 2);
        let absorbed: Vec<_> = (0..4).map(|_| recent.absorbs((16, 32))).collect();
        assert_eq!(absorbed, [true, true, false, false]);
    }

    #[test]
    fn the_last_one_of_a_place_is_known() {
        let recent = Recent::default();
        let (first, second) = ((16, 0), (16 * (1 + PLACES), 0));
        assert_eq!(place_of(first), place_of(second));
        recent.keep(first, 9);
        recent.keep(second, 9);
        assert!(!recent.absorbs(first));
        assert!(recent.absorbs(second));
    }

    #[test]
    fn all_is_told_again_after_forgetting() {
        let recent = Recent::default();
        recent.keep((16, 32), u32::MAX);
        recent.forget();
        assert!(!recent.absorbs((16, 32)));
    }
}
