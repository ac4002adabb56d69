//! The suite that defines the traits: every backend runs it in its tests.
