use sinew_mapping::Reads;

use crate::{Block, Step, StepKind};

/// Tells each step what of its value is read: by name, from `total` (what all expressions of the flow read), and, as a
/// block's value is that of its last step, through the steps around it.
pub(crate) fn assign(block: &mut Block, value: &Reads, total: &Reads) {
    let last = block.steps.len().saturating_sub(1);
    for (index, step) in block.steps.iter_mut().enumerate() {
        let named = total.under(step.name.as_str());
        step.keep = if index == last { named.union(value.clone()) } else { named };
        within(step, total);
    }
}

fn within(step: &mut Step, total: &Reads) {
    let value = step.keep.clone();
    if let Some(catch) = &mut step.catch {
        assign(&mut catch.block, &value, total);
    }
    match &mut step.kind {
        StepKind::Branch(branch) => {
            branch.arms.iter_mut().for_each(|arm| assign(&mut arm.block, &value, total));
        }
        StepKind::Parallel(parallel) => {
            for (name, block) in &mut parallel.arms {
                assign(block, &value.under(name.as_str()), total);
            }
        }
        StepKind::Each(each) => {
            let folded = each.reduce.as_ref().map_or_else(Reads::nothing, |r| r.with.reads().under("result"));
            let collected = if each.collect { value.under("results") } else { Reads::nothing() };
            assign(&mut each.block, &folded.union(collected), total);
        }
        StepKind::Call(_)
        | StepKind::Map(_)
        | StepKind::Wait(_)
        | StepKind::Approve(_)
        | StepKind::Emit(_)
        | StepKind::SubFlow(_) => {}
    }
}
