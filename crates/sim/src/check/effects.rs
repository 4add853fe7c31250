//! G2: an effect is repeated with an equal key and an equal request only, and one that may leave once left once.

use crate::world::World;

pub(crate) fn keys(world: &mut World) {
    let mut violations = Vec::new();
    for (key, seen) in &world.service.0 {
        if seen.contradicted {
            violations.push(format!("G2: {key} was used for different requests"));
        }
        if seen.endpoint.ends_with("/charge") && seen.requests > 1 {
            violations.push(format!(
                "G2: {key} may be sent once and was sent {} times",
                seen.requests
            ));
        }
    }
    violations
        .into_iter()
        .for_each(|violation| world.violation(violation));
}
