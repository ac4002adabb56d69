//! The suite that defines the traits: every backend runs it in its tests.
//!
//! ```text
//! sinew_store::conformance_tests!(MyPlace::new());
//! ```
//!
//! Each case gets a [`Place`] of its own: somewhere a store's data lies, which can be opened more than once.
#![expect(clippy::unwrap_used, reason = "a case that cannot go on has failed")]
#![expect(clippy::missing_panics_doc, reason = "cases fail by panicking")]

pub mod acceptance;
pub mod archive;
pub mod backlog;
pub mod custody;
pub mod dead;
mod desk;
pub mod keys;
mod model;
pub mod outbox;
pub mod random;
pub mod upkeep;
pub mod waiting;
pub mod writing;

use crate::Store;

/// Where one store's data lies.
pub trait Place {
    /// Opens the store over the data. Earlier handles have been dropped by then, and with that closed.
    fn open(&self) -> Box<dyn Store>;

    /// Raises the epoch behind the back of the open store, as another node does that takes over.
    fn overtake(&self);
}

/// One sentence about a store, and whether it is true.
pub type Case = fn(&dyn Place);

macro_rules! cases {
    (($d:tt) $($room:ident: $($case:ident)*;)*) => {
        /// Every case with its name.
        pub fn all() -> Vec<(&'static str, Case)> {
            vec![$($((stringify!($case), $room::$case as Case)),*),*]
        }

        /// Makes a test of every case; the expression makes a fresh [`Place`](crate::conformance::Place) for each.
        #[macro_export]
        macro_rules! conformance_tests {
            ($d place:expr) => {
                $($(#[test]
                fn $case() {
                    $d crate::conformance::$room::$case(&$d place);
                })*)*
            };
        }
    };
}

cases! {
    ($)
    acceptance:
        what_was_accepted_is_there_after_reopening
        a_run_starts_at_once_if_there_is_room_and_else_waits
        a_second_run_with_the_same_dedupe_key_is_a_duplicate
        a_dedupe_key_is_free_again_after_its_window
        a_dedupe_key_outlives_its_run
        a_full_backlog_refuses_what_would_wait_but_not_what_starts
        a_cursor_moves_in_the_same_transaction_as_its_runs
        a_page_is_taken_whole_if_the_backlog_was_below_its_limit
        answers_are_in_the_order_of_the_runs;
    writing:
        entries_are_appended_and_gaps_and_repetitions_refused
        a_refused_write_leaves_nothing_behind
        only_running_runs_are_written_to
        writes_handed_in_at_once_keep_their_order
        large_values_are_kept_once_and_come_back
        a_checkpoint_replaces_the_one_under_its_path
        what_was_written_is_there_after_reopening
        an_overtaken_store_writes_nothing_more;
    keys:
        runs_with_one_key_go_one_at_a_time_in_order_of_acceptance
        keys_of_other_flows_do_not_matter
        an_unblocked_run_waits_in_the_backlog_until_claimed
        a_resting_run_holds_its_key
        a_queued_run_knows_whom_it_is_behind
        a_dead_run_holds_its_key_if_it_says_so
        a_dead_run_that_lets_others_pass_does_not_hold_its_key
        a_dead_run_is_revived_only_while_no_other_with_its_key_is_under_way
        a_dead_run_is_ended_while_another_with_its_key_is_under_way
        a_blocked_run_is_not_claimed_out_of_turn
        cancelling_a_blocked_run_frees_no_key
        keys_are_held_after_reopening;
    backlog:
        interactive_runs_go_before_batch_runs
        flows_take_turns_and_the_oldest_goes_first
        turns_go_on_between_claims
        flows_that_are_full_are_passed_over
        no_more_runs_of_a_flow_are_claimed_than_it_has_room_for
        a_run_is_claimed_once
        what_was_running_goes_ahead_after_reopening_under_a_higher_epoch;
    waiting:
        what_is_due_is_claimed_once_and_the_earliest_first
        an_event_wakes_those_who_wait_for_its_key_or_for_any
        no_key_is_not_the_empty_key
        whoever_wakes_a_run_first_gets_it
        whoever_goes_through_those_who_wait_comes_to_each_once
        one_run_is_claimed_by_its_id_if_it_rests_or_is_dead
        one_run_is_claimed_to_cancel_it_unless_it_runs_or_is_over
        waits_outlive_reopening;
    dead:
        a_dead_letter_is_kept_whole
        letters_are_listed_by_every_filter_and_in_pages
        a_payload_is_edited_while_its_letter_is_open
        a_letter_is_settled_once
        a_letter_is_settled_with_what_its_run_does_next
        a_dead_run_is_revived_and_finished;
    archive:
        runs_are_listed_newest_first_and_in_pages
        how_far_a_run_has_come_is_told
        runs_are_found_by_every_filter
        times_are_exact_when_ids_tell_another_time
        a_line_says_what_a_run_waits_for_and_why_it_failed
        flows_are_counted;
    upkeep:
        retention_deletes_what_ended_before_and_nothing_else
        retention_keeps_open_dead_letters_and_their_runs
        retention_goes_in_batches
        large_values_go_with_the_last_run_that_refers_to_them
        cursors_are_set_and_read
        flow_versions_are_kept
        alerts_replace_their_own_opening
        the_store_tells_its_size_and_whether_it_takes_writes;
    outbox:
        an_event_is_kept_for_each_of_its_subscribers_once
        a_delivery_is_due_until_it_is_made_or_given_up
        deliveries_with_one_key_go_one_at_a_time_in_order
        deliveries_are_listed_with_their_attempts
        past_events_are_delivered_again
        past_events_with_a_key_are_delivered_again_in_order
        a_subscriber_goes_with_its_deliveries
        past_events_are_deleted;
    random:
        a_thousand_random_acts_agree_with_the_model
        random_acts_with_reopening_agree_with_the_model;
}
