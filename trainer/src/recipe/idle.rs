//! Parts of a recipe that its model has no use for.

use super::{
    Augmentation, BudgetRecipe, Clip, LossRecipe, Model, OptimiserRecipe, Recipe, ScheduleRecipe,
};

impl Recipe {
    /// What the recipe sets although nothing comes of it: a tree has no loss to choose, and rows of numbers, which
    /// are of whole songs, no stretch to cut or mask.
    pub fn idle(&self) -> Vec<&'static str> {
        let table = matches!(self.model, Model::Table(_));
        let rows = self.model.wants_rows(&self.data);
        // Shares of two songs can be mixed however they are described.
        let varied = Augmentation {
            mixup: if table { self.augmentation.mixup } else { 0.0 },
            ..self.augmentation.clone()
        };
        let cut = self.data.clip != Clip::default() || self.data.clip_frames.is_some();
        [
            ("loss", table && self.loss != LossRecipe::default()),
            ("optimiser", table && self.optimiser != OptimiserRecipe::default()),
            ("schedule", table && self.schedule != ScheduleRecipe::default()),
            ("budget", table && self.budget != BudgetRecipe::default()),
            ("augmentation", rows && varied != Augmentation::default()),
            ("data.clip", rows && cut),
        ]
        .into_iter()
        .filter_map(|(name, idle)| idle.then_some(name))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::recipe::Recipe;

    #[test]
    fn what_has_no_effect_is_named() {
        let cut = |clip: &str, model: &str, more: &str| {
            let text = format!(
                r#"
                name = "rows"
                [data]
                set = "set"
                name = "rows"
                columns = ["zcr"]
                {clip}
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
        };
        let idle = |model: &str, more: &str| cut("", model, more);
        let (tree, mlp) = ("kind = \"tree\"", "kind = \"mlp\"\nwidths = [4]\ndropout = 0.0");
        assert!(idle(tree, "").is_empty() && idle(mlp, "").is_empty());
        let learning = "[loss]\nkind = \"focal\"\ngamma = 2.0\n[budget]\nepochs = 3\nbatch = 8\nbalanced = true";
        assert_eq!(idle(tree, learning), ["loss", "budget"]);
        assert!(idle(mlp, learning).is_empty());
        assert_eq!(idle(tree, "[augmentation]\nmixup = 0.2"), ["augmentation"]);
        assert!(idle(mlp, "[augmentation]\nmixup = 0.2").is_empty());
        let masks = "[augmentation]\ntime_masks = 2\ntime_mask_frames = 4";
        assert_eq!(idle(mlp, masks), ["augmentation"]);
        assert_eq!(cut("clip = \"start\"", mlp, ""), ["data.clip"]);
    }
}
