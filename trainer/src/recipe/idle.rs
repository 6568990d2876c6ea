//! Parts of a recipe that nothing comes of.

use super::{
    Augmentation, BudgetRecipe, Clip, LossRecipe, Model, OptimiserRecipe, Recipe, ScheduleKind,
    ScheduleRecipe, SplitKind, SplitRecipe,
};
use crate::nn::Contract;
use crate::table::{Fill, Scale, lyrics};

/// A key, and whether nothing comes of it.
type Judged = (&'static str, bool);

impl Recipe {
    /// What the recipe sets although nothing comes of it: a tree has no loss to choose, and rows of numbers, which
    /// are of whole songs, no stretch to cut or mask.
    pub fn idle(&self) -> Vec<&'static str> {
        let all = self.of_learning().into_iter().chain(self.of_crops());
        let all = all.chain(self.of_data()).chain(self.of_split());
        all.filter_map(|(name, idle)| idle.then_some(name)).collect()
    }

    fn is_table(&self) -> bool {
        matches!(self.model, Model::Table(_))
    }

    /// Whether it is judged at any frame of what it hears.
    fn is_stream(&self) -> bool {
        match &self.model {
            Model::Network(network) => network.contract() == Contract::Streaming,
            Model::Table(_) => false,
        }
    }

    fn of_learning(&self) -> [Judged; 8] {
        let (table, network) = (self.is_table(), !self.is_table());
        let (budget, schedule) = (&self.budget, &self.schedule);
        let (usual, steps) = (BudgetRecipe::default(), ScheduleRecipe::default());
        let in_steps = schedule.kind == ScheduleKind::Step;
        [
            ("loss", table && self.loss != LossRecipe::default()),
            ("optimiser", table && self.optimiser != OptimiserRecipe::default()),
            ("schedule", table && *schedule != steps),
            ("budget", table && *budget != usual),
            ("schedule.every", network && !in_steps && schedule.every != steps.every),
            ("schedule.factor", network && !in_steps && schedule.factor != steps.factor),
            (
                "budget.validation",
                network && budget.patience.is_none() && budget.validation != usual.validation,
            ),
            (
                "budget.positions",
                network && !self.is_stream() && budget.positions != usual.positions,
            ),
        ]
    }

    fn of_crops(&self) -> [Judged; 6] {
        let rows = self.model.wants_rows(&self.data);
        let varied = &self.augmentation;
        // Shares of two songs can be mixed however they are described.
        let but_mixed = Augmentation {
            mixup: if self.is_table() { varied.mixup } else { 0.0 },
            ..varied.clone()
        };
        let cut = self.data.clip != Clip::default() || self.data.clip_frames.is_some();
        let alone = |one: usize, other: usize| !rows && one > 0 && other == 0;
        [
            ("augmentation", rows && but_mixed != Augmentation::default()),
            ("augmentation.time_masks", alone(varied.time_masks, varied.time_mask_frames)),
            ("augmentation.time_mask_frames", alone(varied.time_mask_frames, varied.time_masks)),
            ("augmentation.band_masks", alone(varied.band_masks, varied.band_mask_width)),
            ("augmentation.band_mask_width", alone(varied.band_mask_width, varied.band_masks)),
            ("data.clip", rows && cut),
        ]
    }

    fn of_data(&self) -> [Judged; 5] {
        let data = &self.data;
        let rows = self.model.wants_rows(data);
        let numbers = rows || !data.beside.is_empty();
        [
            ("data.id", data.set.is_some() && data.id.is_some()),
            ("data.lyrics", data.lyrics.is_some() && !self.learns_from_words()),
            // What goes beside the sound is named one by one.
            ("data.drop", !rows && !data.drop.is_empty()),
            ("data.fill", !numbers && data.fill != Fill::default()),
            ("data.scale", !numbers && data.scale != Scale::default()),
        ]
    }

    fn of_split(&self) -> [Judged; 2] {
        let (split, usual) = (&self.split, SplitRecipe::default());
        [
            ("split.folds", split.kind != SplitKind::Folds && split.folds != usual.folds),
            ("split.share", split.kind != SplitKind::Random && split.share != usual.share),
        ]
    }

    /// Whether features of the words are learnt from, or say what is predicted.
    fn learns_from_words(&self) -> bool {
        let data = &self.data;
        let of_words = |name: &str| lyrics::NAMES.contains(&name);
        let named = |names: &[String]| names.iter().any(|name| of_words(name));
        let all = data.columns.is_empty() || named(&data.columns);
        let of_head = || self.taken_columns().into_iter().any(of_words);
        named(&data.beside)
            || (self.model.wants_rows(data) && all)
            || (data.table.is_some() && of_head())
    }
}

#[cfg(test)]
mod tests {
    use crate::recipe::Recipe;

    fn idle_with(data: &str, model: &str, more: &str) -> Vec<&'static str> {
        let text = format!(
            r#"
            name = "rows"
            [data]
            set = "set"
            name = "rows"
            {data}
            [[heads]]
            name = "liked"
            meaning = "liked"
            above = {{ column = "likes", threshold = 3 }}
            [model]
            {model}
            {more}
            "#
        );
        Recipe::parse(&text, &[]).unwrap().idle()
    }

    const TREE: &str = "kind = \"tree\"";
    const MLP: &str = "kind = \"mlp\"\nwidths = [4]\ndropout = 0.0";
    const CNN: &str = "kind = \"cnn3\"";
    const LSTM: &str = "kind = \"lstm\"\nhidden = 4\nlayers = 1\ndropout = 0.0";
    const FUSION: &str = "kind = \"late-fusion\"\npatch = 4\nhidden = 4\nwidth = 4";

    #[test]
    fn what_has_no_effect_is_named() {
        let cut = |clip: &str, model: &str, more: &str| {
            idle_with(&format!("columns = [\"zcr\"]\n{clip}"), model, more)
        };
        let idle = |model: &str, more: &str| cut("", model, more);
        assert!(idle(TREE, "").is_empty() && idle(MLP, "").is_empty());
        let learning = "[loss]\nkind = \"focal\"\ngamma = 2.0\n[budget]\nepochs = 3\nbatch = 8\nbalanced = true";
        assert_eq!(idle(TREE, learning), ["loss", "budget"]);
        assert!(idle(MLP, learning).is_empty());
        assert_eq!(idle(TREE, "[augmentation]\nmixup = 0.2"), ["augmentation"]);
        assert!(idle(MLP, "[augmentation]\nmixup = 0.2").is_empty());
        let masks = "[augmentation]\ntime_masks = 2\ntime_mask_frames = 4";
        assert_eq!(idle(MLP, masks), ["augmentation"]);
        assert_eq!(cut("clip = \"start\"", MLP, ""), ["data.clip"]);
    }

    #[test]
    fn what_waits_for_another_setting_is_named() {
        let aside = "[budget]\nepochs = 3\nvalidation = 0.3";
        assert_eq!(idle_with("", CNN, aside), ["budget.validation"]);
        assert_eq!(idle_with("", TREE, aside), ["budget"]);
        assert!(idle_with("", CNN, &format!("{aside}\npatience = 2")).is_empty());
        let positions = "[budget]\nepochs = 3\npositions = 8";
        assert_eq!(idle_with("", CNN, positions), ["budget.positions"]);
        assert!(idle_with("", LSTM, positions).is_empty());
        for alone in ["time_masks", "time_mask_frames", "band_masks", "band_mask_width"] {
            let named = idle_with("", CNN, &format!("[augmentation]\n{alone} = 2"));
            assert_eq!(named, [format!("augmentation.{alone}")]);
        }
        let steps = "every = 5\nfactor = 0.5";
        let named = idle_with("", CNN, &format!("[schedule]\nkind = \"cosine\"\n{steps}"));
        assert_eq!(named, ["schedule.every", "schedule.factor"]);
        assert!(idle_with("", CNN, &format!("[schedule]\nkind = \"step\"\n{steps}")).is_empty());
        let folds = "[split]\nkind = \"folds\"\nfolds = 3\nshare = 0.3";
        assert_eq!(idle_with("", CNN, folds), ["split.share"]);
        assert_eq!(idle_with("", CNN, &folds.replace("\"folds\"", "\"random\"")), ["split.folds"]);
    }

    #[test]
    fn what_is_said_of_numbers_that_nothing_learns_from_is_named() {
        let numbers = "drop = [\"likes\"]\nfill = \"error\"\nscale = \"none\"";
        assert_eq!(idle_with(numbers, CNN, ""), ["data.drop", "data.fill", "data.scale"]);
        assert!(idle_with(numbers, TREE, "").is_empty());
        let beside = format!("beside = [\"zcr\"]\n{numbers}");
        assert_eq!(idle_with(&beside, FUSION, ""), ["data.drop"]);
        assert_eq!(idle_with("id = \"song\"", TREE, ""), ["data.id"]);

        let words =
            |more: &str, model: &str| idle_with(&format!("lyrics = \"w\"\n{more}"), model, "");
        assert_eq!(words("", CNN), ["data.lyrics"]);
        assert_eq!(words("beside = [\"zcr\"]", FUSION), ["data.lyrics"]);
        assert_eq!(words("columns = [\"zcr\"]", TREE), ["data.lyrics"]);
        assert!(words("beside = [\"zcr\", \"lyrics_words\"]", FUSION).is_empty());
        assert!(words("columns = [\"lyrics_lines\"]", TREE).is_empty());
        assert!(words("", TREE).is_empty());
    }
}
