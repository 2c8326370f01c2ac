//! The clusters of a console, and the id by which all other code refers to one of them.

use std::ops::{Index, IndexMut};

use crate::state::ClusterState;

/// The id of a cluster. It is assigned at the start and does not change while the console runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ClusterId(usize);

impl ClusterId {
    /// The cluster the console was opened on.
    pub const FIRST: Self = Self(0);

    /// Pairs items with the ids of their clusters. The items must be in the order in which the clusters were
    /// given to the console.
    pub fn numbered<T>(of_clusters: impl IntoIterator<Item = T>) -> impl Iterator<Item = (Self, T)> {
        of_clusters.into_iter().enumerate().map(|(at, one)| (Self(at), one))
    }
}

/// The clusters of a console; at least one.
#[derive(Clone, Debug)]
pub struct Clusters(Vec<ClusterState>);

impl Clusters {
    /// Takes the clusters; for an empty list, makes one cluster without observations.
    pub(crate) fn new(clusters: Vec<ClusterState>) -> Self {
        Self(if clusters.is_empty() { vec![ClusterState::new("docker", "")] } else { clusters })
    }

    /// Returns the cluster with this id, if it exists.
    pub fn get(&self, id: ClusterId) -> Option<&ClusterState> {
        self.0.get(id.0)
    }

    pub(crate) fn get_mut(&mut self, id: ClusterId) -> Option<&mut ClusterState> {
        self.0.get_mut(id.0)
    }

    /// Counts the clusters.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Iterates over the clusters with their ids, in list order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ClusterId, &ClusterState)> {
        ClusterId::numbered(&self.0)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (ClusterId, &mut ClusterState)> {
        ClusterId::numbered(&mut self.0)
    }

    /// Returns the id of the cluster at this position of the list.
    pub(crate) fn at(&self, place: usize) -> Option<ClusterId> {
        (place < self.0.len()).then_some(ClusterId(place))
    }

    /// Returns the position of a cluster in the list; for an unknown id, the last position.
    pub(crate) fn place(&self, id: ClusterId) -> usize {
        id.0.min(self.0.len() - 1)
    }
}

impl Index<ClusterId> for Clusters {
    type Output = ClusterState;

    fn index(&self, id: ClusterId) -> &ClusterState {
        &self.0[self.place(id)]
    }
}

impl IndexMut<ClusterId> for Clusters {
    fn index_mut(&mut self, id: ClusterId) -> &mut ClusterState {
        let place = self.place(id);
        &mut self.0[place]
    }
}
