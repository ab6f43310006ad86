//! Text on its way into a page: everything that a log says is hostile until it went through here.
//! What a page looks like is not known here.

/// Text as HTML, for elements and for attributes in double quotes.
pub(crate) fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            '\n' => html.push('\n'),
            letter => html.push(visible(letter)),
        }
    }
    html
}

/// The letter, unless it would steer a terminal or turn text around: then the sign for what cannot be shown.
pub(crate) fn visible(letter: char) -> char {
    let turns = matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if letter.is_control() || turns { char::REPLACEMENT_CHARACTER } else { letter }
}
