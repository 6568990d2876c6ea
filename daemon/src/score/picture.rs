//! The mel frames of a whole file as a picture of bounded width.

/// Columns of a picture: when they are all full, neighbours become one.
#[derive(Debug, Clone)]
pub(crate) struct Picture {
    bands: usize,
    most: usize,
    /// Whole columns one after another: the mean of their frames in dB.
    columns: Vec<f32>,
    /// Frames in a whole column.
    frames_per_column: usize,
    /// Sum of the frames of the column that is not yet whole, and their number.
    sum: Vec<f32>,
    summed: usize,
}

impl Picture {
    /// An empty picture of `bands` rows and at most `most` columns (an even number).
    pub(crate) fn new(bands: usize, most: usize) -> Self {
        Self {
            bands,
            most: most.max(2).next_multiple_of(2),
            columns: Vec::new(),
            frames_per_column: 1,
            sum: vec![0.0; bands],
            summed: 0,
        }
    }

    /// Adds a frame.
    pub(crate) fn push(&mut self, mel_db: &[f32]) {
        for (sum, db) in self.sum.iter_mut().zip(mel_db) {
            *sum += db;
        }
        self.summed += 1;
        if self.summed < self.frames_per_column {
            return;
        }
        if self.columns.len() == self.most * self.bands {
            self.halve();
            // The frames summed so far are only half a column now.
            if self.summed < self.frames_per_column {
                return;
            }
        }
        let count = self.summed as f32;
        self.columns.extend(self.sum.iter().map(|sum| sum / count));
        self.sum.fill(0.0);
        self.summed = 0;
    }

    fn halve(&mut self) {
        let bands = self.bands;
        for column in 0..self.most / 2 {
            for band in 0..bands {
                let (left, right) = (2 * column * bands + band, (2 * column + 1) * bands + band);
                self.columns[column * bands + band] =
                    (self.columns[left] + self.columns[right]) / 2.0;
            }
        }
        self.columns.truncate(self.most / 2 * bands);
        self.frames_per_column *= 2;
    }

    /// Number of mel bands.
    pub(crate) fn bands(&self) -> usize {
        self.bands
    }

    /// Number of whole columns.
    pub(crate) fn len(&self) -> usize {
        self.columns.len() / self.bands
    }

    /// Whether there is nothing to see.
    pub(crate) fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// One column, lowest band first.
    pub(crate) fn column(&self, index: usize) -> &[f32] {
        &self.columns[index * self.bands..(index + 1) * self.bands]
    }

    /// The column that shows frame number `frame`, which need not be whole; what lies behind the
    /// last column looks like it.
    pub(crate) fn column_at(&self, frame: f64) -> Option<&[f32]> {
        let index = (frame.max(0.0) / self.frames_per_column as f64) as usize;
        let last = self.len().checked_sub(1)?;
        Some(self.column(index.min(last)))
    }

    /// All values.
    pub(crate) fn values(&self) -> impl Iterator<Item = f32> {
        self.columns.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_frames_are_kept_as_they_are() {
        let mut picture = Picture::new(2, 10);
        assert!(picture.is_empty());
        (0..10).for_each(|i| picture.push(&[i as f32, -1.0]));
        assert_eq!(picture.len(), 10);
        assert_eq!(picture.column(7), [7.0, -1.0]);
        assert_eq!(picture.values().count(), 20);
    }

    #[test]
    fn many_frames_are_averaged() {
        let mut picture = Picture::new(1, 10);
        let frames = 1_000;
        (0..frames).for_each(|i| picture.push(&[i as f32]));
        assert!((5..=10).contains(&picture.len()), "{}", picture.len());
        let per_column = picture.frames_per_column;
        assert!(per_column.is_power_of_two());
        for index in 0..picture.len() {
            let first = (index * per_column) as f32;
            let mean = first + (per_column - 1) as f32 / 2.0;
            assert!((picture.column(index)[0] - mean).abs() < 0.01, "column {index}");
        }
        assert_eq!(picture.column_at(0.0), Some(picture.column(0)));
        assert_eq!(picture.column_at(per_column as f64 * 1.5), Some(picture.column(1)));
        assert_eq!(picture.column_at(1e9), Some(picture.column(picture.len() - 1)));
        assert_eq!(Picture::new(1, 10).column_at(0.0), None);
    }
}
