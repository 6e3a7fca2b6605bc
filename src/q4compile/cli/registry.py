"""Every command: its name, the module that holds it, and its line in the list of commands."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """A command whose module (with the click command in `command`) is imported only to run it."""

    name: str
    module: str
    summary: str


COMMANDS = (
    Entry("absorb", "q4compile.cli.absorb", "Take trained weights back into their ONNX model."),
    Entry("asm", "q4compile.cli.asm", "Assemble a program from its text."),
    Entry("average", "q4compile.cli.average", "Make one network of several training runs."),
    Entry("check", "q4compile.cli.check", "Gate the figures of records, for CI."),
    Entry("completion", "q4compile.cli.completion", "Print the completion script of a shell."),
    Entry("demo", "q4compile.cli.demo", "The main job from end to end, on bundled speech."),
    Entry("dis", "q4compile.cli.dis", "Show the instructions of a program."),
    Entry("eval", "q4compile.cli.eval", "Word error rate of a model on recorded speech."),
    Entry("explain", "q4compile.cli.explain", "Name the rule that decided for each tensor."),
    Entry("export", "q4compile.cli.export", "Write a trained network as one ONNX file."),
    Entry("finetune", "q4compile.cli.finetune", "Train a package that qat made."),
    Entry("inspect", "q4compile.cli.inspect", "Components, layers, parameters and bits of models."),
    Entry("lower", "q4compile.cli.lower", "Turn a quantized model into a program."),
    Entry("qat", "q4compile.cli.qat", "Write a model as a trainable torch package."),
    Entry("quantize", "q4compile.cli.quantize", "Turn ONNX models into 4-bit ones by a recipe."),
    Entry("roofline", "q4compile.cli.roofline", "Draw what limits each node of a program."),
    Entry("sim", "q4compile.cli.sim", "Run a program on the simulated accelerator."),
    Entry("synthesize", "q4compile.cli.synthesize", "Make a speech corpus with espeak-ng."),
    Entry("trace", "q4compile.cli.trace", "What each engine does when, for a trace viewer."),
    Entry("train", "q4compile.cli.train", "Train a transducer or a language model."),
    Entry("transcribe", "q4compile.cli.transcribe", "Write down what a sound file says."),
    Entry("tune-fusion", "q4compile.cli.tune_fusion", "Find the weights of language models."),
)
