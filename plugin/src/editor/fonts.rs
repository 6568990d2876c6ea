//! Names in scripts that egui's own fonts do not have, such as Japanese or Arabic: with a font of the system, where
//! there is one in a well-known place. Else they stay boxes.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use egui::{Context, FallbackRequest, FontData, FontInsert};

/// Where fonts lie, those of many scripts and the small ones first.
const FILES: &[&str] = if cfg!(target_os = "macos") {
    &[
        "/System/Library/Fonts/Supplemental/Arial Unicode.ttf",
        "/Library/Fonts/Arial Unicode.ttf",
        "/System/Library/Fonts/AppleSDGothicNeo.ttc",
        "/System/Library/Fonts/Hiragino Sans GB.ttc",
    ]
} else if cfg!(windows) {
    &[
        r"C:\Windows\Fonts\segoeui.ttf",
        r"C:\Windows\Fonts\YuGothM.ttc",
        r"C:\Windows\Fonts\malgun.ttf",
        r"C:\Windows\Fonts\msyh.ttc",
    ]
} else {
    &[
        "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
        "/usr/share/fonts/TTF/DejaVuSans.ttf",
        "/usr/share/fonts/dejavu-sans-fonts/DejaVuSans.ttf",
        "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
        "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
        "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc",
        "/usr/share/fonts/google-noto-sans-cjk-vf-fonts/NotoSansCJK-VF.ttc",
        "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf",
    ]
};
/// No file of more bytes is read.
const LARGEST: u64 = 48 << 20;

/// Gives a window the system's fonts. None is read before a character is to be drawn that no other has.
pub(super) fn add_to(ctx: &Context) {
    add(ctx, FILES.iter().map(PathBuf::from));
}

fn add(ctx: &Context, files: impl Iterator<Item = PathBuf>) {
    for path in files {
        let found = OnceLock::new();
        let font = move |request: &FallbackRequest<'_>| {
            if !request.cluster.chars().next().is_some_and(is_of_a_script) {
                return None;
            }
            let data = found.get_or_init(|| read(&path)).clone()?;
            // What it does not have, egui asks the next one for.
            Some(FontInsert::new(&path.to_string_lossy(), data, Vec::new()))
        };
        ctx.add_font_provider(Arc::new(font));
    }
}

/// Letters, digits and what stands between them in East Asia; no symbols, for which all files would be read in vain.
fn is_of_a_script(character: char) -> bool {
    character.is_alphanumeric()
        || matches!(character, '\u{3000}'..='\u{30ff}' | '\u{ff00}'..='\u{ffef}')
}

/// A font, if it can be read.
fn read(path: &Path) -> Option<FontData> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(LARGEST + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= LARGEST).then(|| FontData::from_owned(bytes))
}

#[cfg(test)]
mod tests {
    use egui::{FontDefinitions, FontId, RawInput};

    use super::*;

    /// Whether a window that has drawn nothing and lacks this character has it with these files.
    fn has(character: char, files: &[PathBuf]) -> bool {
        let mut fonts = FontDefinitions::default();
        for names in fonts.families.values_mut() {
            names.retain(|name| name == "Hack");
        }
        let ctx = Context::default();
        ctx.set_fonts(fonts);
        add(&ctx, files.iter().cloned());
        let _ = ctx.run_ui(RawInput::default(), |_| {});
        ctx.fonts_mut(|fonts| fonts.has_glyph(&FontId::proportional(14.0), character))
    }

    #[test]
    fn a_letter_that_no_font_has_is_looked_for_in_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("broken"), "no font").unwrap();
        let ubuntu = &FontDefinitions::default().font_data["Ubuntu-Light"];
        std::fs::write(path("good"), ubuntu.bytes()).unwrap();
        let bad = [path("missing"), folder.path().to_owned(), path("broken")];
        let all = [bad.as_slice(), &[path("good")]].concat();
        // Hack lacks both. A name may begin with a digit, which egui asks for once.
        for character in ['Ə', '₃'] {
            assert!(!has(character, &bad), "{character}");
            assert!(has(character, &all), "{character}");
        }
    }

    #[test]
    fn no_file_is_read_for_symbols() {
        assert!("ÆЖ日本ひカ한عא、ー٣४３〇".chars().all(is_of_a_script));
        assert!("♪→☃🎵 …".chars().all(|symbol| !is_of_a_script(symbol)));
    }
}
