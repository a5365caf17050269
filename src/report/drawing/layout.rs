//! Where nodes, edges and labels of a drawing stand: fixed columns, an order with few crossings, and heights near the neighbours.
//!
//! An edge that spans several columns has a bend in each column between, which takes room there as a node does.

use std::collections::BTreeMap;

use super::Drawing;

/// Lengths are in pixels of the picture.
pub(super) const LINE: f64 = 16.0;
const PADDING: f64 = 10.0;
const BETWEEN_NODES: f64 = 18.0;
const BEND: f64 = 4.0;
const EMPTY_GAP: f64 = 64.0;
const AROUND_LABEL: f64 = 72.0;
const MARGIN: f64 = 24.0;
const FRAME: f64 = 14.0;
const FRAME_TITLE: f64 = 26.0;
/// How often columns are ordered and moved, each time in both directions.
const SWEEPS: usize = 6;

/// A rectangle by its left upper corner.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rect {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

/// What a text needs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Size {
    pub width: f64,
    pub lines: usize,
}

/// A drawing, laid out.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub width: f64,
    pub height: f64,
    /// By the node's id.
    pub nodes: BTreeMap<String, Rect>,
    /// The frames of the columns that have a title, with the column's number.
    pub frames: Vec<(usize, Rect)>,
    /// For each edge, the horizontal pieces that it consists of, from left to right: left end, right end and height.
    pub routes: Vec<Vec<(f64, f64, f64)>>,
    /// For each edge, the centre of its label.
    pub labels: Vec<(f64, f64)>,
}

/// What stands in a column: a node, or the bend of an edge.
#[derive(Clone, Debug)]
struct Item {
    /// The node's id; none for a bend.
    node: Option<String>,
    height: f64,
    centre: f64,
    /// The items of the columns before and after that it is connected with, by their places in the list of all.
    before: Vec<usize>,
    after: Vec<usize>,
}

/// The items of a drawing by columns, and the edges as chains of items.
struct Grid {
    items: Vec<Item>,
    columns: Vec<Vec<usize>>,
    chains: Vec<Vec<usize>>,
    /// By item.
    column_of: Vec<usize>,
}

impl Grid {
    fn of(drawing: &Drawing, nodes: &[Vec<Size>]) -> Self {
        let mut grid = Self {
            items: Vec::new(),
            columns: vec![Vec::new(); drawing.columns.len()],
            chains: Vec::new(),
            column_of: Vec::new(),
        };
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        for (column, (drawn, sizes)) in drawing.columns.iter().zip(nodes).enumerate() {
            for (node, size) in drawn.nodes.iter().zip(sizes) {
                let item = Item::new(Some(node.id.clone()), height(size.lines) + 2.0 * PADDING);
                places.insert(&node.id, grid.add(column, item));
            }
        }
        for edge in &drawing.edges {
            let ends = (places.get(edge.from.as_str()), places.get(edge.to.as_str()));
            let chain = match ends {
                (Some(&start), Some(&goal)) => grid.chain(start, goal),
                _ => Vec::new(),
            };
            grid.chains.push(chain);
        }
        grid
    }

    fn add(&mut self, column: usize, item: Item) -> usize {
        let place = self.items.len();
        self.items.push(item);
        self.column_of.push(column);
        self.columns[column].push(place);
        place
    }

    fn chain(&mut self, start: usize, goal: usize) -> Vec<usize> {
        let between = self.column_of[start] + 1..self.column_of[goal];
        let bends = between.map(|column| self.add(column, Item::new(None, BEND)));
        let mut chain = vec![start];
        chain.extend(bends.collect::<Vec<_>>());
        chain.push(goal);
        for pair in chain.windows(2) {
            self.items[pair[0]].after.push(pair[1]);
            self.items[pair[1]].before.push(pair[0]);
        }
        chain
    }

    /// The gap between columns where the label of an edge stands: in the middle.
    fn gap_of(&self, edge: usize) -> usize {
        let column = |place: Option<&usize>| place.map_or(0, |place| self.column_of[*place]);
        let chain = &self.chains[edge];
        (column(chain.first()) + column(chain.last())).saturating_sub(1) / 2
    }

    /// The left and the right end of each column.
    fn spans(&self, nodes: &[Vec<Size>], labels: &[Size]) -> Vec<(f64, f64)> {
        let mut gaps = vec![EMPTY_GAP; self.columns.len()];
        for (edge, label) in labels.iter().enumerate().filter(|(_, label)| label.lines > 0) {
            let gap = &mut gaps[self.gap_of(edge)];
            *gap = gap.max(label.width + AROUND_LABEL);
        }
        let mut spans = Vec::new();
        let mut left = MARGIN;
        for (sizes, gap) in nodes.iter().zip(&gaps) {
            let right = left + sizes.iter().map(|size| size.width).fold(0.0, f64::max) + 2.0 * PADDING;
            spans.push((left, right));
            left = right + gap;
        }
        spans
    }
}

/// Lays a drawing out. `nodes` has the size of each node's text, column by column, and `labels` that of each edge.
pub(super) fn lay_out(drawing: &Drawing, nodes: &[Vec<Size>], labels: &[Size]) -> Layout {
    let mut grid = Grid::of(drawing, nodes);
    order(&mut grid);
    place(&mut grid);
    let spans = grid.spans(nodes, labels);
    let has_frames = drawing.columns.iter().any(|column| column.title.is_some());
    let top = MARGIN + if has_frames { FRAME_TITLE } else { 0.0 };
    let upper = |item: &Item| item.centre - item.height / 2.0;
    let highest = grid.items.iter().map(upper).reduce(f64::min).unwrap_or(top);
    for item in &mut grid.items {
        item.centre += top - highest;
    }

    let mut layout = Layout::default();
    for (item, column) in grid.items.iter().zip(&grid.column_of) {
        let (left, right) = spans[*column];
        if let Some(id) = &item.node {
            let rect = Rect {
                x: left,
                y: upper(item),
                width: right - left,
                height: item.height,
            };
            layout.nodes.insert(id.clone(), rect);
        }
    }
    for (number, column) in drawing
        .columns
        .iter()
        .enumerate()
        .filter(|(_, column)| column.title.is_some())
    {
        let rects: Vec<Rect> = column
            .nodes
            .iter()
            .filter_map(|node| layout.nodes.get(&node.id))
            .copied()
            .collect();
        layout.frames.extend(frame(&rects).map(|rect| (number, rect)));
    }
    for chain in &grid.chains {
        let piece = |place: &usize| {
            let (left, right) = spans[grid.column_of[*place]];
            (left, right, grid.items[*place].centre)
        };
        layout.routes.push(chain.iter().map(piece).collect());
    }
    layout.labels = place_labels(&grid, &layout.routes, labels);
    layout.width = spans.last().map_or(MARGIN, |(_, right)| *right) + MARGIN + FRAME;
    let of_nodes = grid.items.iter().map(|item| item.centre + item.height / 2.0);
    let of_labels = layout
        .labels
        .iter()
        .zip(labels)
        .map(|((_, y), size)| y + height(size.lines) / 2.0);
    layout.height = of_nodes.chain(of_labels).fold(top, f64::max) + MARGIN;
    layout
}

/// The frame around the nodes of a column.
fn frame(nodes: &[Rect]) -> Option<Rect> {
    let above = nodes.iter().map(|rect| rect.y).reduce(f64::min)?;
    let below = nodes.iter().map(|rect| rect.y + rect.height).reduce(f64::max)?;
    let first = nodes.first()?;
    Some(Rect {
        x: first.x - FRAME,
        y: above - FRAME_TITLE,
        width: first.width + 2.0 * FRAME,
        height: below - above + FRAME_TITLE + FRAME,
    })
}

impl Item {
    fn new(node: Option<String>, height: f64) -> Self {
        Self {
            node,
            height,
            centre: 0.0,
            before: Vec::new(),
            after: Vec::new(),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a label has a few lines")]
/// The height of so many lines of text.
pub(super) fn height(number: usize) -> f64 {
    number as f64 * LINE
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a drawing has fewer nodes than a float is exact for"
)]
fn mean(values: impl ExactSizeIterator<Item = f64>) -> Option<f64> {
    let number = values.len();
    (number > 0).then(|| values.sum::<f64>() / number as f64)
}

/// Orders each column by the mean place of the neighbours, from both sides in turn.
fn order(Grid { items, columns, .. }: &mut Grid) {
    let mut rank = vec![0.0; items.len()];
    let number = |rank: &mut Vec<f64>, column: &[usize]| {
        let mut next = 0.0;
        for &place in column {
            rank[place] = next;
            next += 1.0;
        }
    };
    for column in columns.iter() {
        number(&mut rank, column);
    }
    for sweep in 0..2 * SWEEPS {
        let from_left = sweep % 2 == 0;
        let range: Vec<usize> = if from_left {
            (1..columns.len()).collect()
        } else {
            (0..columns.len().saturating_sub(1)).rev().collect()
        };
        for at in range {
            let wish = |place: usize| {
                let item = &items[place];
                let neighbours = if from_left { &item.before } else { &item.after };
                mean(neighbours.iter().map(|place| rank[*place])).unwrap_or(rank[place])
            };
            let mut wished: Vec<(f64, usize)> = columns[at].iter().map(|&place| (wish(place), place)).collect();
            wished.sort_by(|a, b| a.0.total_cmp(&b.0));
            columns[at] = wished.into_iter().map(|(_, place)| place).collect();
            number(&mut rank, &columns[at]);
        }
    }
}

/// Moves each item as near to its neighbours as the order of its column allows.
fn place(Grid { items, columns, .. }: &mut Grid) {
    for column in columns.iter() {
        let wished: Vec<f64> = column.iter().map(|_| 0.0).collect();
        set(items, column, &wished);
    }
    for sweep in 0..2 * SWEEPS {
        let order: Vec<usize> = if sweep % 2 == 0 {
            (0..columns.len()).collect()
        } else {
            (0..columns.len()).rev().collect()
        };
        for at in order {
            let wish = |&place: &usize| {
                let item = &items[place];
                let neighbours: Vec<usize> = item.before.iter().chain(&item.after).copied().collect();
                mean(neighbours.iter().map(|place| items[*place].centre)).unwrap_or(item.centre)
            };
            let wished: Vec<f64> = columns[at].iter().map(wish).collect();
            set(items, &columns[at], &wished);
        }
    }
}

fn set(items: &mut [Item], column: &[usize], wished: &[f64]) {
    let heights: Vec<f64> = column.iter().map(|place| items[*place].height).collect();
    for (&place, centre) in column.iter().zip(apart(wished, &heights, BETWEEN_NODES)) {
        items[place].centre = centre;
    }
}

/// The centres nearest to those wished for, by the sum of squares, that keep the order and leave a gap between neighbours.
fn apart(wished: &[f64], heights: &[f64], gap: f64) -> Vec<f64> {
    let mut offsets = Vec::with_capacity(wished.len());
    let mut offset = 0.0;
    for (at, height) in heights.iter().enumerate() {
        if at > 0 {
            offset += f64::midpoint(heights[at - 1], *height) + gap;
        }
        offsets.push(offset);
    }
    // Isotonic regression: blocks of equal values, merged while one is above the next.
    let mut blocks: Vec<(f64, f64)> = Vec::new();
    for (wish, offset) in wished.iter().zip(&offsets) {
        let mut block = (wish - offset, 1.0);
        while let Some(last) = blocks.pop_if(|last| last.0 > block.0) {
            let number = last.1 + block.1;
            block = ((last.0 * last.1 + block.0 * block.1) / number, number);
        }
        blocks.push(block);
    }
    let values = blocks.into_iter().flat_map(|(value, number)| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is a count")]
        let number = number as usize;
        std::iter::repeat_n(value, number)
    });
    values.zip(offsets).map(|(value, offset)| value + offset).collect()
}

/// The centres of the labels: in the middle of their gap, at the height of the edge there, and clear of one another.
fn place_labels(grid: &Grid, routes: &[Vec<(f64, f64, f64)>], labels: &[Size]) -> Vec<(f64, f64)> {
    let mut centres = vec![(0.0, 0.0); routes.len()];
    let mut gaps: BTreeMap<usize, Vec<(f64, usize)>> = BTreeMap::new();
    for (edge, route) in routes.iter().enumerate() {
        if labels[edge].lines == 0 || route.len() < 2 {
            continue;
        }
        let gap = grid.gap_of(edge);
        let is_before = |place: &usize| grid.column_of[*place] == gap;
        let piece = grid.chains[edge].iter().position(is_before).unwrap_or(0);
        let piece = piece.min(route.len() - 2);
        let (near, far) = (route[piece], route[piece + 1]);
        centres[edge].0 = f64::midpoint(near.1, far.0);
        gaps.entry(gap).or_default().push((f64::midpoint(near.2, far.2), edge));
    }
    for wishes in gaps.values_mut() {
        wishes.sort_by(|a, b| a.0.total_cmp(&b.0));
        let wished: Vec<f64> = wishes.iter().map(|(y, _)| *y).collect();
        let heights: Vec<f64> = wishes.iter().map(|(_, edge)| height(labels[*edge].lines)).collect();
        for ((_, edge), y) in wishes.iter().zip(apart(&wished, &heights, 4.0)) {
            centres[*edge].1 = y;
        }
    }
    centres
}
