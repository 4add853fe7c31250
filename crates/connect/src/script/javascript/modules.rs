//! The modules a script may import: those of the registry that `node.js` fills.

use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::module::Declared;
use rquickjs::{Ctx, Error, Module, Result};

/// The global under which the registry stands while a script runs.
pub(super) const REGISTRY: &str = "__ferrovia_modules";

/// Module names and what they export by name.
const MODULES: [(&str, &[&str]); 4] = [
    ("fs", &["readFileSync"]),
    (
        "process",
        &[
            "argv", "env", "stdin", "stdout", "stderr", "exit", "cwd", "nextTick", "hrtime",
        ],
    ),
    ("buffer", &["Buffer"]),
    (
        "util",
        &[
            "inspect",
            "format",
            "promisify",
            "TextEncoder",
            "TextDecoder",
        ],
    ),
];

pub(super) struct Builtins;

impl Resolver for Builtins {
    fn resolve<'js>(
        &mut self,
        _ctx: &Ctx<'js>,
        base: &str,
        name: &str,
        _attributes: Option<ImportAttributes<'js>>,
    ) -> Result<String> {
        let bare = name.strip_prefix("node:").unwrap_or(name);
        if MODULES.iter().any(|(module, _)| *module == bare) {
            return Ok(bare.to_owned());
        }
        let available = MODULES
            .map(|(module, _)| format!("node:{module}"))
            .join(", ");
        Err(Error::new_resolving_message(
            base,
            name,
            format!("scripts can import only {available}"),
        ))
    }
}

impl Loader for Builtins {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        _attributes: Option<ImportAttributes<'js>>,
    ) -> Result<Module<'js, Declared>> {
        let exports = MODULES
            .iter()
            .find(|(module, _)| *module == name)
            .map_or(&[][..], |(_, exports)| exports);
        let mut source = format!("const m = globalThis.{REGISTRY}.{name};\nexport default m;\n");
        for export in exports {
            source.push_str(&format!("export const {export} = m.{export};\n"));
        }
        Module::declare(ctx.clone(), name, source)
    }
}
