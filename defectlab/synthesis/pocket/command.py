"""`defectlab pocket`: train the small diffusion model, put it on trial, say what a model is."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from defectlab import training_command
from defectlab.synthesis.pocket_sd.command import add_train as add_train_sd

if TYPE_CHECKING:
    from defectlab.synthesis.pocket.judge import Judge

EXAMPLES = """examples:
  defectlab pocket info
  defectlab pocket train --out my_pocket                  # hours on one core; the same command goes on
  defectlab pocket judge --model my_pocket/model --out trial
  defectlab pocket train-sd --out my_pocket_sd            # the text-to-image model, an hour or two on one core
  defectlab synthesise --generator my_pocket/model --images photos --out made
"""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds ``pocket`` to the command line."""
    parser = subparsers.add_parser(
        "pocket",
        help="train, judge and describe the small diffusion model",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_train(commands)
    _add_judge(commands)
    add_train_sd(commands)
    info = commands.add_parser("info", help="what a model is: size, training, materials, words")
    info.add_argument("--model", default="pocket", metavar="pocket|FOLDER", help="default: the shipped one")
    info.set_defaults(handler=show_info)


def _add_train(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "train on procedural surfaces; the same command goes on where an interrupted one stopped"
    parser = commands.add_parser("train", help=text, description=text)
    training_command.add_options(parser, "the model", "of data, noise and weights")
    add = parser.add_argument
    add("--batch-size", type=int, help="examples a step")
    add("--workers", type=int, help="processes that render examples")
    parser.set_defaults(handler=train)


def _add_judge(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "put a model on trial: share of prompts obeyed, seams, severity; trains a judge first, for some minutes"
    parser = commands.add_parser("judge", help=text, description=text)
    add = parser.add_argument
    add("--model", default="pocket", metavar="pocket|FOLDER", help="default: the shipped one")
    add("--out", type=Path, required=True, metavar="FOLDER", help="for trial.json, two tables and a sheet of images")
    add("--judge", type=Path, metavar="FOLDER", help="of a judge trained before (default: OUT/judge)")
    add("--images", type=int, default=24, help="crops that each class is asked for on (default: 24)")
    add("--ladders", type=int, default=4, help="crops that every severity is made on (default: 4)")
    add("--steps", type=int, default=8, help="of the sampler (default: 8)")
    add("--guidance", type=float, default=4.0, help="weight of the words (default: 4)")
    add("--seed", type=int, default=0, help="of crops, masks and noise (default: 0)")
    add("--device", default="auto", help="auto (default), cpu, cuda")
    parser.set_defaults(handler=judge)


def train(arguments: argparse.Namespace) -> int:
    """Trains a model, or goes on with it.

    Raises:
        ValueError: if a setting is out of range, or the folder holds a training of other settings.
    """
    from defectlab.synthesis.pocket.training import Trainer, TrainingSettings

    return training_command.train(arguments, TrainingSettings, Trainer, "pocket")


def judge(arguments: argparse.Namespace) -> int:
    """Puts a model on trial and prints the result.

    Raises:
        OSError: if the model is not there.
        ValueError: if a setting is out of range or the folder holds another kind of model.
    """
    from defectlab.synthesis.pipelines import load_inpainting, model_source
    from defectlab.synthesis.pocket.trial import TrialSettings, run_trial
    from defectlab.synthesis.pocket.verdict import write_verdict

    settings = TrialSettings(
        arguments.images, arguments.ladders, arguments.steps, arguments.guidance, arguments.seed
    )  # a wrong setting stops here
    folder = _folder(arguments.model)
    config = _config(folder)
    pipeline = load_inpainting("pocket" if arguments.model == "pocket" else folder, arguments.device)
    chosen = _judge(arguments.judge or arguments.out / "judge", arguments.judge is not None)
    trial = run_trial(pipeline, chosen, settings)
    source = model_source(pipeline)
    model = {"name": source.name, "revision": source.revision, "trained_steps": config["training"]["trained_steps"]}
    _print_verdict(write_verdict(arguments.out, trial, chosen, settings, model), arguments.out)
    return 0


def show_info(arguments: argparse.Namespace) -> int:
    """Prints what a model is.

    Raises:
        OSError: if there is none.
        ValueError: if the folder holds another kind of model.
    """
    from defectlab.data.surfaces import HELD_OUT_MATERIALS
    from defectlab.synthesis.pipelines import hash_folder
    from defectlab.synthesis.pocket.network import parameter_count
    from defectlab.synthesis.pocket.storage import read_model
    from defectlab.synthesis.pocket.words import DEFECT_WORDS, POLARITY_WORDS, SEVERITY_WORDS

    folder = _folder(arguments.model)
    config = _config(folder)
    unet, words, _, _ = read_model(folder)
    size = (folder / "model.safetensors").stat().st_size / 1e6
    training = config["training"]
    print(f"{folder}\n  {config['format']}, revision {hash_folder(folder)}")
    print(f"  {parameter_count(unet, words):,} parameters, {size:.1f} MB")
    print(f"  trained {training['trained_steps']} steps of {training['batch_size']} examples, seed {training['seed']}")
    print(f"  trained on the materials {', '.join(config['materials'])}")
    print(f"  never on {', '.join(HELD_OUT_MATERIALS)}")
    print("  words that name a defect (one is needed):")
    for defect, names in DEFECT_WORDS.items():
        print(f"    {defect:<10}{', '.join(names)}")
    print(f"  and further: {', '.join(n for names in POLARITY_WORDS.values() for n in names)}")
    print(f"               {', '.join(SEVERITY_WORDS)}")
    return 0


def _folder(model: str) -> Path:
    from defectlab.synthesis.pocket.storage import SHIPPED

    return SHIPPED if model == "pocket" else Path(model)


def _config(folder: Path) -> dict[str, Any]:
    from defectlab.synthesis.pocket.storage import read_config

    return read_config(folder)


def _judge(folder: Path, must_exist: bool) -> Judge:
    """The judge of a folder; where none was named and none is there, one is trained and kept."""
    from defectlab.synthesis.pocket.judge import JudgeSettings, load_judge, save_judge, train_judge

    if must_exist or (folder / "judge.json").is_file():
        return load_judge(folder)
    print("training a judge: some minutes of one core", flush=True)
    trained = train_judge(JudgeSettings())
    save_judge(trained, folder)
    return trained


def _print_verdict(summary: dict[str, Any], out: Path) -> None:
    low, high = summary["obeyed_95"]
    print(f"obeyed {summary['obeyed']:.1%} (95 % interval {low:.1%} to {high:.1%}); by chance 14 %")
    print(f"the judge itself tells {summary['judge_accuracy']:.1%} of rendered crops rightly")
    print(f"pixels outside the mask the same to the bit: {summary['exact_outside']:.2%} in the worst image")
    print(f"more severity shows more, at every step: {summary['severity_rises']:.1%} of the defects")
    print(f"{'asked':<11}{'obeyed':>8}{'border jump':>13}{'changed':>9}")
    for row in summary["classes"]:
        print(f"{row['asked']:<11}{row['obeyed']:>8.1%}{row['border_jump']:>13.2f}{row['changed']:>9.1%}")
    for name in ("trial.json", "classes.csv", "confusion.csv", "sheet.png"):
        print(f"  {out / name}")
