"""What build-root asks of Portage, and what it makes of the ROOT that emerge has left.

`commands` has the commands' names. Modules in three groups: what to install (`planner`, `plan`, `resolve`,
`ingredients`, `keys`, `settings`, `cache`, `pkgdir`, `distfiles`), what was installed (`records`, `packages`,
`sources`, `fingerprint`, `sysroot`), and what of it an image gets (`tree`, `slim`, `difference`, `layer`, `pack`).

Of these `resolve`, `planner`, `ingredients`, `pkgdir`, `distfiles`, `packages` and `sources` need Portage. The others
are data in, data out, or files only.
"""
