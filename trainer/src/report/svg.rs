//! Charts as SVG: drawn with plotters in light colours, which the report turns into those of its page.

use std::sync::OnceLock;

use anyhow::{Result, anyhow};
use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, register_font};

/// The font that text is measured with; browsers show their own in its place.
const FONT: &str = "earworm";
/// Drawn this much larger than shown, because plotters rounds to whole pixels.
const SCALE: u32 = 10;
/// Size of all text.
const TEXT: u32 = 13;

/// Text and axes.
pub(crate) const INK: RGBColor = RGBColor(0x1B, 0x1E, 0x27);
/// Text of less weight, and lines to compare with.
pub(crate) const DIM: RGBColor = RGBColor(0x69, 0x70, 0x84);
/// Grids.
pub(crate) const GRID: RGBColor = RGBColor(0xE2, 0xE5, 0xEC);
/// Colours of curves; told apart by people who see few colours, too.
pub(crate) const SERIES: [RGBColor; 8] = [
    RGBColor(0x2F, 0x6F, 0xDE),
    RGBColor(0xD9, 0x6A, 0x0B),
    RGBColor(0x12, 0x8A, 0x63),
    RGBColor(0xB2, 0x3A, 0x8E),
    RGBColor(0x8B, 0x6B, 0x1F),
    RGBColor(0x5D, 0x52, 0xC8),
    RGBColor(0xC2, 0x37, 0x4B),
    RGBColor(0x3A, 0x8F, 0xA3),
];

/// The page's names of those colours.
fn page_colours() -> impl Iterator<Item = (RGBColor, String)> {
    let named = [(INK, "ink"), (DIM, "dim"), (GRID, "grid")];
    let series = SERIES.iter().enumerate().map(|(i, &colour)| (colour, format!("s{i}")));
    named.into_iter().map(|(colour, name)| (colour, name.to_owned())).chain(series)
}

/// The colour of the curve at `index`.
pub(crate) fn series(index: usize) -> RGBColor {
    SERIES[index % SERIES.len()]
}

/// A chart with what is to be said of it.
#[derive(Debug, Clone)]
pub struct Picture {
    /// What it shows.
    pub title: String,
    /// How to read it.
    pub caption: String,
    svg: String,
    size: (u32, u32),
}

impl Picture {
    /// A file of its own: with its title, in light colours, on white.
    pub fn alone(&self) -> String {
        let ((width, height), scale) = (self.size, SCALE);
        let mut title = String::new();
        self.title.chars().for_each(|c| match c {
            '<' => title.push_str("&lt;"),
            '&' => title.push_str("&amp;"),
            c => title.push(c),
        });
        let (full, top) = (height + 34, 34 * scale);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{full}\" \
             viewBox=\"0 -{top} {} {}\">\n<rect y=\"-{top}\" width=\"100%\" height=\"100%\" fill=\"#FFFFFF\"/>\n\
             <text x=\"{}\" y=\"-{}\" font-family=\"sans-serif\" font-size=\"{}\" fill=\"#1B1E27\">{title}</text>\n{}</svg>\n",
            width * scale,
            full * scale,
            12 * scale,
            10 * scale,
            15 * scale,
            self.inner()
        )
    }

    /// A part of a page, in the page's colours.
    pub fn inline(&self) -> String {
        let mut inner = self.inner();
        for (RGBColor(r, g, b), name) in page_colours() {
            inner = inner
                .replace(&format!("\"#{r:02X}{g:02X}{b:02X}\""), &format!("\"var(--{name})\""));
        }
        let (width, height) = (self.size.0 * SCALE, self.size.1 * SCALE);
        format!(
            "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-hidden=\"true\">{inner}</svg>"
        )
    }

    fn inner(&self) -> String {
        let start = self.svg.find('>').map_or(0, |at| at + 1);
        let end = self.svg.rfind("</svg>").unwrap_or(self.svg.len());
        self.svg[start..end]
            .replace(&format!("font-family=\"{FONT}\""), "font-family=\"system-ui, sans-serif\"")
    }
}

/// A sheet to draw on.
pub(crate) type Sheet<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// Axes to draw in.
pub(crate) type Axes<'a, 'b> =
    ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Draws a picture of `size` pixels.
pub(crate) fn paint(
    title: &str,
    caption: &str,
    size: (u32, u32),
    draw: impl FnOnce(&Sheet<'_>) -> Result<()>,
) -> Result<Picture> {
    prepare_font()?;
    let mut svg = String::new();
    {
        let large = (size.0 * SCALE, size.1 * SCALE);
        let sheet = SVGBackend::with_string(&mut svg, large).into_drawing_area();
        draw(&sheet)?;
        sheet.present().map_err(failed)?;
    }
    Ok(Picture { title: title.into(), caption: caption.into(), svg, size })
}

/// What a chart's axes show.
pub(crate) struct Plot<'a> {
    pub(crate) title: &'a str,
    pub(crate) caption: &'a str,
    pub(crate) size: (u32, u32),
    pub(crate) x: (f64, f64),
    pub(crate) y: (f64, f64),
    pub(crate) x_label: &'a str,
    pub(crate) y_label: &'a str,
    pub(crate) legend: Vec<(RGBColor, String)>,
}

impl Default for Plot<'_> {
    fn default() -> Self {
        Self {
            title: "",
            caption: "",
            size: (460, 350),
            x: (0.0, 1.0),
            y: (0.0, 1.0),
            x_label: "",
            y_label: "",
            legend: Vec::new(),
        }
    }
}

impl Plot<'_> {
    /// Draws axes, legend and what `draw` draws in them.
    pub(crate) fn paint(
        &self,
        draw: impl for<'a, 'b> FnOnce(&mut Axes<'a, 'b>) -> Result<()>,
    ) -> Result<Picture> {
        paint(self.title, self.caption, self.size, |sheet| {
            let top = self.draw_legend(sheet)?;
            let mut axes = ChartBuilder::on(sheet)
                .margin_top(top + 10 * SCALE)
                .margin_right(16 * SCALE)
                .margin_left(4 * SCALE)
                .margin_bottom(4 * SCALE)
                .x_label_area_size(44 * SCALE)
                .y_label_area_size(58 * SCALE)
                .build_cartesian_2d(self.x.0..self.x.1, self.y.0..self.y.1)
                .map_err(failed)?;
            axes.configure_mesh()
                .x_labels(6)
                .y_labels(6)
                .max_light_lines(0)
                .bold_line_style(GRID.stroke_width(SCALE))
                .axis_style(GRID.stroke_width(SCALE))
                .label_style(text(DIM))
                .axis_desc_style(text(DIM))
                .x_desc(self.x_label)
                .y_desc(self.y_label)
                .x_label_formatter(&|v| tick(*v))
                .y_label_formatter(&|v| tick(*v))
                .set_all_tick_mark_size(4 * SCALE)
                .draw()
                .map_err(failed)?;
            draw(&mut axes)
        })
    }

    /// Draws the legend above the axes, in as many lines as it takes; returns its height.
    fn draw_legend(&self, sheet: &Sheet<'_>) -> Result<u32> {
        let (left, line) = (62 * SCALE as i32, 19 * SCALE as i32);
        let right = ((self.size.0 - 8) * SCALE) as i32;
        let (mut x, mut y) = (left, 14 * SCALE as i32);
        for (colour, name) in &self.legend {
            let (width, _) = sheet.estimate_text_size(name, &text(INK)).map_err(failed)?;
            let width = width as i32 + 40 * SCALE as i32;
            if x > left && x + width > right {
                (x, y) = (left, y + line);
            }
            let swatch = [(x, y), (x + 16 * SCALE as i32, y)];
            let style = colour.stroke_width(4 * SCALE);
            sheet.draw(&PathElement::new(swatch, style)).map_err(failed)?;
            write(sheet, name, (x + 21 * SCALE as i32, y), INK, HPos::Left)?;
            x += width;
        }
        Ok(if self.legend.is_empty() { 0 } else { (y + line / 2) as u32 })
    }
}

/// A stroke of `width` pixels.
pub(crate) fn stroke(colour: RGBColor, opacity: f64, width: f64) -> ShapeStyle {
    colour.mix(opacity).stroke_width((width * f64::from(SCALE)).round() as u32)
}

/// A dot of `radius` pixels.
pub(crate) fn dot(
    axes: &mut Axes<'_, '_>,
    at: (f64, f64),
    radius: f64,
    colour: RGBColor,
    opacity: f64,
) -> Result<()> {
    let radius = (radius * f64::from(SCALE)).round() as i32;
    let dot = Circle::new(at, radius, colour.mix(opacity).filled());
    axes.draw_series(std::iter::once(dot)).map_err(failed)?;
    Ok(())
}

/// A line through points.
pub(crate) fn line(
    axes: &mut Axes<'_, '_>,
    points: impl IntoIterator<Item = (f64, f64)>,
    style: ShapeStyle,
) -> Result<()> {
    axes.draw_series(LineSeries::new(points, style)).map_err(failed)?;
    Ok(())
}

/// A rectangle between two corners.
pub(crate) fn bar(
    axes: &mut Axes<'_, '_>,
    corners: [(f64, f64); 2],
    colour: RGBColor,
    opacity: f64,
) -> Result<()> {
    let bar = Rectangle::new(corners, colour.mix(opacity).filled());
    axes.draw_series(std::iter::once(bar)).map_err(failed)?;
    Ok(())
}

/// Text on a sheet, its middle line at `at`, in units of the drawing.
pub(crate) fn write(
    sheet: &Sheet<'_>,
    words: &str,
    at: (i32, i32),
    colour: RGBColor,
    anchor: HPos,
) -> Result<()> {
    let style = text(colour).pos(Pos::new(anchor, VPos::Center));
    sheet.draw(&Text::new(words.to_owned(), at, style)).map_err(failed)
}

/// A length in units of the drawing.
pub(crate) fn units(pixels: f64) -> i32 {
    (pixels * f64::from(SCALE)).round() as i32
}

fn text(colour: RGBColor) -> TextStyle<'static> {
    (FONT, TEXT * SCALE * 124 / 100).into_font().color(&colour)
}

/// A number on an axis.
pub(crate) fn tick(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        v if v >= 1e5 => format!("{value:.0e}"),
        v if v < 1e-3 => format!("{value:.0e}"),
        _ => {
            let text = format!("{value:.3}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
    }
}

/// The range of finite values with a little room around it.
pub(crate) fn range(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for value in values.into_iter().filter(|v| v.is_finite()) {
        (low, high) = (low.min(value), high.max(value));
    }
    if low > high {
        return (0.0, 1.0);
    }
    let room = 0.06 * (high - low);
    let room = if room > 0.0 { room } else { 0.1 * high.abs().max(1.0) };
    (low - room, high + room)
}

/// Text cut to at most `most` characters.
pub(crate) fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.into();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

fn prepare_font() -> Result<()> {
    static READY: OnceLock<bool> = OnceLock::new();
    let font = epaint_default_fonts::UBUNTU_LIGHT;
    let register = || register_font(FONT, FontStyle::Normal, font).is_ok();
    if *READY.get_or_init(register) { Ok(()) } else { Err(anyhow!("the built-in font is broken")) }
}

/// An error of plotters as one of ours.
pub(crate) fn failed<E: std::error::Error + Send + Sync>(
    error: DrawingAreaErrorKind<E>,
) -> anyhow::Error {
    anyhow!("cannot draw the picture: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_takes_the_colours_of_its_page() {
        let plot = Plot {
            title: "loss < 1 & falling",
            legend: vec![(series(0), "<script>alert(1)</script>".into())],
            ..Plot::default()
        };
        let picture = plot
            .paint(|axes| line(axes, [(0.0, 0.0), (1.0, 1.0)], stroke(series(0), 1.0, 2.0)))
            .unwrap();
        let (inline, alone) = (picture.inline(), picture.alone());
        assert!(inline.contains("var(--s0)") && !inline.contains("#2F6FDE"));
        assert!(alone.contains("#2F6FDE") && alone.contains("loss &lt; 1 &amp; falling"));
        assert!(!inline.contains("<script>") && !alone.contains("<script>"));
    }

    #[test]
    fn ranges_have_room() {
        assert_eq!(range([]), (0.0, 1.0));
        assert_eq!(range([f64::NAN, 2.0, 2.0]), (1.8, 2.2));
        let (low, high) = range([0.0, 10.0, f64::INFINITY]);
        assert!(low < 0.0 && high > 10.0 && high < 11.0);
        assert_eq!((tick(0.25), tick(2.0), tick(1e7)), ("0.25".into(), "2".into(), "1e7".into()));
    }
}
