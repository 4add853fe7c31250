//! What must hold, each in a file of its own.

mod durability;
mod effects;
mod end;

pub(crate) use durability::{acknowledged, commanded, ended, owed_effects};

use crate::world::World;

/// Looks at everything that is left when all has come to its end.
pub(crate) fn all(world: &mut World) {
    durability::journals(world);
    effects::keys(world);
    end::outputs(world);
}
