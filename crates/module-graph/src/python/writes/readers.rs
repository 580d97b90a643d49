//! Who sees which of the values that modules have written, and who is told of another one.

use hmr_signals::graph::State as NodeState;
use pyo3::prelude::*;

use super::{
    super::{
        cold_order::Lies,
        engine::{Answer, State},
    },
    layers::{Layer, Place},
};
use crate::{ModuleId, Read};

impl State {
    /// Notes that `reader` reads a name that others have written. `None`: they have not, or what the
    /// module shows is what it reads.
    pub(in crate::python) fn reads_written(
        &mut self,
        py: Python<'_>,
        reader: ModuleId,
        of: ModuleId,
        name: &str,
    ) -> Option<Answer> {
        let layers = self.visible(reader, of, name)?;
        let written = self.writes.get(of, name)?;
        let place = self.place(of, name);
        let writer = layers.checked_sub(1).map(|last| written.layers[last].by);
        let answer = if layers == written.layers.len() {
            Answer::Known
        } else if let Some(value) = written.value(layers) {
            Answer::Given(value.clone_ref(py))
        } else {
            let module = self.graph.name(of);
            Answer::Absent(format!("module '{module}' has no attribute '{name}'"))
        };
        match writer {
            None => self.graph.read(reader, of, Read::Name(name)),
            Some(writer) if writer == reader => {}
            Some(writer) => self.graph.read(reader, writer, Read::Written(&place)),
        }
        Some(answer)
    }

    /// How many layers there are for `reader`, from below.
    pub(super) fn visible(&mut self, reader: ModuleId, of: ModuleId, name: &str) -> Option<usize> {
        self.work_out_order();
        let written = self.writes.get(of, name)?;
        let place = self.place(of, name);
        let sees = |layer: &Layer| {
            if layer.by == reader {
                layer.is_current
            } else {
                self.sees(reader, layer, &place)
            }
        };
        let last = written.layers.iter().rposition(sees);
        Some(last.map_or(0, |last| last + 1))
    }

    /// Whether a cold start would have written the layer before `reader` reads it.
    pub(super) fn sees(&self, reader: ModuleId, layer: &Layer, place: &str) -> bool {
        let writer = layer.by;
        if self.graph.state(writer) == NodeState::Running {
            return layer.is_current;
        }
        match self
            .writes
            .order
            .as_ref()
            .and_then(|it| it.lies(writer, reader))
        {
            None | Some(Lies::Before) => true,
            Some(Lies::After) => false,
            Some(Lies::Inside) => self.has_imported(reader, writer),
            // It has run without the writer since.
            Some(Lies::Around) => {
                let written = Read::Written(place);
                self.graph.readers(writer, written).contains(&reader)
            }
        }
    }

    /// Whether the run of `importer` has come to the import that runs `module`.
    pub(super) fn has_imported(&self, importer: ModuleId, module: ModuleId) -> bool {
        if self.graph.state(importer) != NodeState::Running {
            return true;
        }
        let order = self.writes.order.as_ref();
        let runs = |of| {
            let lies = order.and_then(|order| order.lies(module, of));
            of == module || lies == Some(Lies::Inside)
        };
        self.graph.imports_so_far(importer).into_iter().any(runs)
    }

    /// Before the first rerun what was written is in its order.
    pub(super) fn work_out_order(&mut self) {
        if self.has_rerun && self.writes.order.is_none() {
            self.writes.order = Some(self.cold_order());
        }
    }

    /// Notes that `reader` reads all names of `of`.
    pub(in crate::python) fn reads_all_written(&mut self, reader: ModuleId, of: ModuleId) {
        let Some(names) = self.writes.names.get(&of) else {
            return;
        };
        let last = names
            .iter()
            .filter_map(|(name, it)| Some((it.layers.last()?.by, name)));
        let read: Vec<(ModuleId, String)> =
            last.map(|(by, name)| (by, self.place(of, name))).collect();
        for (writer, place) in read {
            if writer != reader {
                self.graph.read(reader, writer, Read::Written(&place));
            }
        }
    }

    /// How the graph calls a name of another module.
    pub(super) fn place(&self, of: ModuleId, name: &str) -> String {
        format!("{}.{name}", self.graph.name(of))
    }

    /// Tells who reads what `writer` has written. If nothing was known of that, whoever reads the name,
    /// but for the writer itself.
    pub(super) fn tell_of_write(&mut self, writer: ModuleId, (of, name): &Place, is_new: bool) {
        let place = self.place(*of, name);
        if !is_new {
            self.graph.written_changed(writer, &place);
            return;
        }
        self.work_out_order();
        if let Some(order) = self.writes.order.take() {
            self.writes.sort(&(*of, name.clone()), &order);
            self.writes.order = Some(order);
        }
        let layers = self.writes.get(*of, name).map(|it| &it.layers);
        let layers = layers.into_iter().flatten();
        let mut outputs: Vec<_> = layers.map(|it| (it.by, Read::Written(&place))).collect();
        outputs.extend([(*of, Read::Name(name)), (*of, Read::Everything)]);
        for (owner, read) in outputs {
            self.tell_later_readers(writer, owner, read);
        }
    }

    /// Tells who has read this and may see what `writer` writes.
    pub(super) fn tell_later_readers(&mut self, writer: ModuleId, of: ModuleId, what: Read<'_>) {
        self.work_out_order();
        for reader in self.graph.readers(of, what) {
            if reader != writer && self.comes_before(writer, reader) {
                self.graph.invalidate_reader(reader, of, what);
            }
        }
    }

    /// Whether `reader` may see what `writer` writes from now on.
    pub(super) fn comes_before(&self, writer: ModuleId, reader: ModuleId) -> bool {
        let lies = self
            .writes
            .order
            .as_ref()
            .and_then(|it| it.lies(writer, reader));
        lies != Some(Lies::After)
    }
}
