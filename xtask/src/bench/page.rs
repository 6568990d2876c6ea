//! The page: every line with its ratio as a bar, on one scale.

use super::Machine;
use super::line::Line;

/// Ends of the scale, which is logarithmic: a tenth to a thousand times.
const SCALE: (f64, f64) = (-1.0, 3.0);
/// Width of the bars' picture in pixels.
const WIDTH: f64 = 460.0;

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1c1f24;--soft:#667;--rule:#d9dce2;--bar:#3f7fbf;--bad:#c2552d;--back:#fff}\
@media(prefers-color-scheme:dark){:root{--ink:#e6e8ec;--soft:#9aa2b1;--rule:#343a46;--bar:#6aa9e6;--bad:#e58a62;--back:#14171c}}\
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--back);max-width:72rem;margin:2rem auto;padding:0 1rem}\
table{border-collapse:collapse;width:100%}th{text-align:left;font-weight:600;color:var(--soft)}\
td,th{padding:.35rem .6rem;border-bottom:1px solid var(--rule);vertical-align:middle}\
td.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}\
svg{display:block}rect.bar{fill:var(--bar)}.missed rect.bar{fill:var(--bad)}\
line{stroke:var(--soft)}line.one{stroke-dasharray:2 3}line.goal{stroke:var(--ink);stroke-width:2}\
p.soft,td.soft{color:var(--soft)}pre{overflow:auto}";

/// The page as HTML, with nothing outside it. `notes` stand below the table.
pub(super) fn html(machine: &Machine, lines: &[Line], notes: &[String]) -> String {
    let Machine { cpu, cores, os } = machine;
    let rows: String = lines.iter().map(row).collect();
    let notes: String = notes.iter().map(|note| format!("<p>{}</p>", escaped(note))).collect();
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>Earworm: how fast</title><style>{STYLE}</style>\
         <h1>How fast</h1><p class=\"soft\">{}, {cores} cores, {os}. Both sides do the same work in turn; a \
         ratio is how many times as much the peer needs, turn by turn. Where a goal is a limit, the limit stands in the peer's place. Dashed: equal. Stroke: the goal. \
         Thin: from the least to the most.</p><table><thead><tr><th>what<th>Earworm<th>peer<th><th>ratio\
         <th></tr></thead><tbody>{rows}</tbody></table>{notes}</html>\n",
        escaped(cpu),
    )
}

fn row(line: &Line) -> String {
    let class = if line.is_met() == Some(false) { " class=\"missed\"" } else { "" };
    format!(
        "<tr{class}><td>{}<td class=\"n\">{:.3} {unit}<td>{} <span class=\"soft\">{:.3} {unit}</span>\
         <td>{}<td class=\"n\">{:.2}<td class=\"soft\">{}</tr>",
        escaped(&line.what),
        line.ours,
        escaped(&line.peer),
        line.theirs,
        bar(line),
        line.ratio.median,
        escaped(&line.verdict()),
        unit = line.unit,
    )
}

fn bar(line: &Line) -> String {
    let x = |ratio: f64| {
        let (low, high) = SCALE;
        WIDTH * (ratio.max(1e-9).log10().clamp(low, high) - low) / (high - low)
    };
    let (one, middle) = (x(1.0), x(line.ratio.median));
    let goal = line.goal.map_or(String::new(), |goal| {
        let x = x(goal);
        format!("<line class=\"goal\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"0\" y2=\"20\"/>")
    });
    format!(
        "<svg width=\"{WIDTH}\" height=\"20\" role=\"img\" aria-label=\"{:.2} times\">\
         <rect class=\"bar\" x=\"{:.1}\" y=\"5\" width=\"{:.1}\" height=\"10\"/>\
         <line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"10\" y2=\"10\"/>\
         <line class=\"one\" x1=\"{one:.1}\" x2=\"{one:.1}\" y1=\"0\" y2=\"20\"/>{goal}</svg>",
        line.ratio.median,
        one.min(middle),
        (middle - one).abs(),
        x(line.ratio.min),
        x(line.ratio.max),
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_its_bar_and_missed_goals_show() {
        let machine = Machine { cpu: "a <cpu>".into(), cores: 2, os: "linux" };
        let line = |theirs| Line::in_turn("mel", "librosa", "ms", &[1.0], &[theirs]).goal(10.0);
        let page = html(&machine, &[line(100.0), line(1.0)], &["a note".into()]);
        assert!(page.contains("a &lt;cpu>") && page.contains("<p>a note</p>"));
        // 1 is a quarter of the scale, 100 three quarters.
        assert!(page.contains(r#"<rect class="bar" x="115.0" y="5" width="230.0" height="10"/>"#));
        assert_eq!(page.matches("class=\"missed\"").count(), 1);
        assert_eq!(page.matches("<svg").count(), 2);
    }
}
