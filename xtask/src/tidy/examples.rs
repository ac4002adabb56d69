use std::collections::BTreeSet;

use super::Finding;
use super::tree::Tree;

/// Every folder under `examples/` explains itself.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let inside = tree.files.iter().filter_map(|file| file.path.strip_prefix("examples/"));
    let folders: BTreeSet<&str> =
        inside.filter_map(|path| path.split_once('/')).map(|(folder, _)| folder).collect();
    let readme = |folder: &&str| format!("examples/{folder}/README.md");
    let lacking = folders.iter().map(readme).filter(|path| tree.file(path).is_none());
    lacking.map(|path| Finding::at(&path, 1, "an example has a README that explains it")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_without_a_readme_is_found() {
        let tree = Tree::of(&[
            ("examples/a/README.md", ""),
            ("examples/a/flows/x.yaml", ""),
            ("examples/b/x.yaml", ""),
        ]);
        let found: Vec<_> = check(&tree).into_iter().map(|f| f.path).collect();
        assert_eq!(found, ["examples/b/README.md"]);
    }
}
