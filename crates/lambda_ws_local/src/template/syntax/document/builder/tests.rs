use super::*;
use std::cell::Cell;
use std::hash::Hasher;

thread_local! {
    /// The number of comparisons of keys.
    static COMPARISONS: Cell<u32> = const { Cell::new(0) };
}

/// A key that counts its comparisons.
struct Counted(u32);

impl Hash for Counted {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl PartialEq for Counted {
    fn eq(&self, other: &Self) -> bool {
        COMPARISONS.set(COMPARISONS.get() + 1);
        self.0 == other.0
    }
}

impl Eq for Counted {}

#[test]
fn fault_l11_each_key_is_compared_with_few_others() {
    let (mut lines, keys) = (HashMap::new(), 20_000);
    for key in 0..keys {
        assert_eq!(add_key(&mut lines, Counted(key), 1), None);
    }
    assert_eq!(add_key(&mut lines, Counted(7), 2), Some(1));
    let comparisons = COMPARISONS.get();
    assert!(comparisons < 2 * keys, "{comparisons} comparisons");
}
