//! Placeholder: see the tests further down the road.
