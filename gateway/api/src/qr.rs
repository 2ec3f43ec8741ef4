//! QR codes (ISO/IEC 18004) as the outline of their dark squares: the page draws it, and no markup is sent.

use qrcode::{EcLevel, QrCode as Matrix};
use serde::Serialize;
use utoipa::ToSchema;

/// A text as a picture for cameras.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct QrCode {
    /// Squares along one side; four free ones must surround them.
    size: usize,
    /// The dark squares: the `d` of an SVG path (SVG 2, section 9.3) in a field of `size` by `size`; empty where the text is too long.
    path: String,
}

impl QrCode {
    /// Draws a text of up to some 2,300 bytes.
    pub(super) fn of(text: &str) -> Self {
        let Ok(matrix) = Matrix::with_error_correction_level(text, EcLevel::M) else {
            return Self { size: 0, path: String::new() };
        };
        let size = matrix.width();
        let colors = matrix.to_colors();
        let dark: Vec<bool> = colors.into_iter().map(|color| color == qrcode::Color::Dark).collect();
        let path =
            dark.chunks(size).enumerate().flat_map(|(y, row)| runs(row).map(move |(x, length)| square(x, y, length))).collect();
        Self { size, path }
    }
}

/// Walks the dark stretches of a row: where each begins, and how long it is.
fn runs(row: &[bool]) -> impl Iterator<Item = (usize, usize)> + '_ {
    let mut at = 0;
    row.chunk_by(|left, right| left == right).filter_map(move |run| {
        let begins = at;
        at += run.len();
        run.first().is_some_and(|dark| *dark).then_some((begins, run.len()))
    })
}

fn square(x: usize, y: usize, length: usize) -> String {
    format!("M{x} {y}h{length}v1h-{length}z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corners_of_a_code_are_where_cameras_look_for_them() {
        let code = QrCode::of("https://chat.example/chat#7GH01K2M");
        assert!((21..=45).contains(&code.size), "{}", code.size);
        let right = code.size - 7;
        for corner in ["M0 0h7v1h-7z".to_owned(), format!("M{right} 0h7v1h-7z"), format!("M0 {right}h7v1h-7z")] {
            assert!(code.path.contains(&corner), "{corner} in {}", code.path);
        }
    }

    #[test]
    fn a_row_is_cut_into_its_dark_stretches() {
        let row = [true, true, false, true, false, false];
        assert_eq!(runs(&row).collect::<Vec<_>>(), [(0, 2), (3, 1)]);
    }

    #[test]
    fn what_does_not_fit_gives_no_picture() {
        assert_eq!(QrCode::of(&"x".repeat(10_000)), QrCode { size: 0, path: String::new() });
    }
}
