//! The Python module `dsdm._native`: parse the arguments, release the GIL, call, wrap.
//!
//! The only folder that knows Python. One file per part of the flow, and `call.rs` for what every call shares.

mod arguments;
mod arrays;
mod call;
mod corpus;
mod errors;
mod files;
mod numbers;
mod output_options;
mod outputs;
mod reports;
mod scores;
mod select;
mod units;

use pyo3::prelude::pymodule;

/// The extension module.
#[pymodule]
mod _native {
    use pyo3::prelude::{Bound, PyModule, PyModuleMethods, PyResult};

    #[pymodule_export]
    use super::select::cuts::{
        counts_of_cut, cut_of, cut_of_weight, cuts_of_group_weights, cuts_of_groups, rows_of_cut,
    };
    #[pymodule_export]
    use super::select::quotas::{best_of_groups, count_of_groups, group_codes};
    #[pymodule_export]
    use super::select::summary::{Moments, histogram, moments, scores_at, scores_at_shares};
    #[pymodule_export]
    use super::select::{count_between, counts_between, gumbel_top_k, nearest, rows_between, sample, top_k};

    #[pymodule_export]
    use super::units::{finish_units, layout_of_units, write_units};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        // Before there is a thread that forks.
        crate::exec::catch_panic::quieten();
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        module.add("__profile__", env!("BUILD_PROFILE"))?;
        super::errors::register(module)?;
        super::arrays::register(module)?;
        super::corpus::register(module)?;
        super::files::register(module)?;
        super::output_options::register(module)?;
        super::outputs::register(module)?;
        super::reports::register(module)?;
        super::scores::register(module)?;
        super::scores::open::register(module)
    }
}
