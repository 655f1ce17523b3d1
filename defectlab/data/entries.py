"""What is known of each data set without reading it: whose it is, its terms, its counts, its layout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Entry:
    """What is known of a data set without reading it.

    Attributes:
        name: as in parameters and on the command line.
        title: in full.
        licence: terms of the images.
        citation: how its authors ask to be cited.
        home: address of the official page, empty where there is none.
        counts: ``{split: (normal, defective)}`` of the official release; ``"all"`` where it has no split.
        layout: the official folders and files.
        folders: further names of the folder, looked for beside ``name``.
        how_to_get: what a person does to have it.
        module: its loader is ``load`` of this module; empty for images that are no data set of surfaces.
        made: drawn by the program, so there is no folder.
        by_class: its classes are told from each other, so that there need be no normal image.
        own: a user's own images, so that no place is known for them.
    """

    name: str
    title: str
    licence: str
    citation: str = ""
    home: str = ""
    counts: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    layout: str = ""
    folders: tuple[str, ...] = ()
    how_to_get: str = ""
    module: str = ""
    made: bool = False
    by_class: bool = False
    own: bool = False


ENTRIES: dict[str, Entry] = {
    entry.name: entry
    for entry in (
        Entry(
            name="surfaces",
            title="surfaces, procedural images of surfaces with defects",
            licence="made by the program: CC0",
            layout="none: image i of a split follows from the seed, the split and i",
            how_to_get="Nothing to get: the program draws it.",
            module="defectlab.data.surfaces",
            made=True,
        ),
        Entry(
            name="aluminium",
            title="aluminium, the classes of surfaces that stand in for the plates of DDPM-MoCo",
            licence="made by the program: CC0",
            layout="none: image i of a split follows from the seed, the split and i",
            how_to_get="Nothing to get: the program draws it.",
            module="defectlab.data.aluminium",
            made=True,
            by_class=True,
        ),
        Entry(
            name="ksdd2",
            title="Kolektor Surface-Defect Dataset 2 (KolektorSDD2)",
            licence="CC BY-NC-SA 4.0",
            citation=(
                "J. Božič, D. Tabernik, D. Skočaj: Mixed supervision for surface-defect detection: from weakly to "
                "fully supervised learning. Computers in Industry 129 (2021) 103459. doi:10.1016/j.compind.2021.103459"
            ),
            home="https://www.vicos.si/resources/kolektorsdd2/",
            counts={"train": (2085, 246), "test": (894, 110)},
            layout="train/10000.png with its mask train/10000_GT.png, test/20000.png with test/20000_GT.png",
            folders=("KolektorSDD2", "KSDD2"),
            how_to_get="download the archive from https://www.vicos.si/resources/kolektorsdd2/ and unpack it.",
            module="defectlab.data.ksdd2",
        ),
        Entry(
            name="kolektor_sdd",
            title="Kolektor Surface-Defect Dataset (KolektorSDD, the first)",
            licence="CC BY-NC-SA 4.0",
            citation=(
                "D. Tabernik, S. Šela, J. Skvarč, D. Skočaj: Segmentation-based deep-learning approach for "
                "surface-defect detection. Journal of Intelligent Manufacturing 31 (2020) 759-776. "
                "doi:10.1007/s10845-019-01476-x"
            ),
            home="https://www.vicos.si/resources/kolektorsdd/",
            counts={"all": (347, 52)},
            layout="kos01/Part0.jpg with its mask kos01/Part0_label.bmp, to kos50/Part7.jpg; optional split.csv",
            folders=("KolektorSDD", "KSDD"),
            how_to_get="download the archive from https://www.vicos.si/resources/kolektorsdd/ and unpack it.",
            module="defectlab.data.kolektor_sdd",
        ),
        Entry(
            name="magnetic_tile",
            title="Magnetic-tile surface defects",
            licence="no licence file; the authors write that the data set is welcome to be used and ask to be cited",
            citation=(
                "Y. Huang, C. Qiu, K. Yuan: Surface defect saliency of magnetic tile. "
                "The Visual Computer 36 (2020) 85-96. doi:10.1007/s00371-018-1588-5"
            ),
            home="https://github.com/abin24/Magnetic-tile-defect-datasets.",
            counts={"all": (952, 392)},
            layout="MT_Blowhole/Imgs/exp1_num_108719.jpg with its mask exp1_num_108719.png; so for MT_Break, MT_Crack, "
            "MT_Fray, MT_Uneven, MT_Free; optional groups.csv",
            folders=(
                "Magnetic-tile-defect-datasets",
                "Magnetic-tile-defect-datasets.",
                "Magnetic-tile-defect-datasets.-master",
                "Magnetic-Tile-Defect",
            ),
            how_to_get="clone or download https://github.com/abin24/Magnetic-tile-defect-datasets. (with the dot).",
            module="defectlab.data.magnetic_tile",
        ),
        Entry(
            name="mvtec",
            title="MVTec Anomaly Detection Dataset (MVTec AD)",
            licence="CC BY-NC-SA 4.0",
            citation=(
                "P. Bergmann, K. Batzner, M. Fauser, D. Sattlegger, C. Steger: The MVTec anomaly detection dataset: a "
                "comprehensive real-world dataset for unsupervised anomaly detection. International Journal of "
                "Computer Vision 129 (2021) 1038-1059. doi:10.1007/s11263-020-01400-4"
            ),
            home="https://www.mvtec.com/company/research/datasets/mvtec-ad",
            counts={"train": (3629, 0), "test": (467, 1258)},
            layout="bottle/train/good/000.png, bottle/test/broken_large/000.png with its mask "
            "bottle/ground_truth/broken_large/000_mask.png; so for 15 categories",
            folders=("mvtec_anomaly_detection", "MVTecAD", "mvtec_ad"),
            how_to_get="download it from https://www.mvtec.com/company/research/datasets/mvtec-ad and unpack it.",
            module="defectlab.data.mvtec",
        ),
        Entry(
            name="visa",
            title="Visual Anomaly dataset (VisA)",
            licence="CC BY 4.0 by its authors' page; other distributors name CC BY-NC-SA 4.0",
            citation=(
                "Y. Zou, J. Jeong, L. Pemula, D. Zhang, O. Dabeer: SPot-the-Difference self-supervised pre-training "
                "for anomaly detection and segmentation. ECCV 2022. doi:10.1007/978-3-031-20056-4_23"
            ),
            home="https://github.com/amazon-science/spot-diff",
            counts={"train": (8659, 0), "test": (962, 1200)},
            layout="split_csv/1cls.csv; candle/Data/Images/Normal/0000.JPG, candle/Data/Images/Anomaly/000.JPG with "
            "its mask candle/Data/Masks/Anomaly/000.png; so for 12 categories",
            folders=("VisA_20220922",),
            how_to_get="follow https://github.com/amazon-science/spot-diff to its archive VisA and unpack it.",
            module="defectlab.data.visa",
        ),
        Entry(
            name="mpdd",
            title="Metal Parts Defect Detection Dataset (MPDD)",
            licence="CC BY-NC-SA 4.0",
            citation=(
                "S. Jezek, M. Jonak, R. Burget, P. Dvorak, M. Skotak: Deep learning-based defect detection of metal "
                "parts: evaluating current methods in complex conditions. ICUMT 2021, 66-71. "
                "doi:10.1109/ICUMT54235.2021.9631567"
            ),
            home="https://github.com/stepanje/MPDD",
            counts={"train": (888, 0), "test": (176, 282)},
            layout="tubes/train/good/000.png, tubes/test/anomalous/000.png with its mask "
            "tubes/ground_truth/anomalous/000_mask.png; so for 6 categories",
            folders=("MPDD",),
            how_to_get="follow https://github.com/stepanje/MPDD to its archive and unpack it.",
            module="defectlab.data.mpdd",
        ),
        Entry(
            name="folder",
            title="Your own images",
            licence="the user's own",
            layout="good/ and defect/ (images, or a folder for each class), optional masks/ with the same stems; the "
            "same inside train/ and test/; or manifest.csv with the columns image, label, mask, defect, group, split",
            how_to_get="Put your images into such folders and give the folder as data_root.",
            module="defectlab.data.folder",
            own=True,
        ),
        Entry(
            name="class_folders",
            title="Your own images by class, or NEU-DET",
            licence="the user's own",
            layout="a folder of images for each class; the same inside train/ and test/ (or validation/); either with "
            "images/ above the classes",
            how_to_get="Put your images into such folders and give the folder that holds them as data_root.",
            module="defectlab.data.class_folders",
            by_class=True,
            own=True,
        ),
        Entry(
            name="dtd",
            title="Describable Textures Dataset (textures that MemSeg and DRAEM paste)",
            licence="for research purposes; the images keep their own copyrights",
            citation=(
                "M. Cimpoi, S. Maji, I. Kokkinos, S. Mohamed, A. Vedaldi: Describing textures in the wild. CVPR 2014"
            ),
            home="https://www.robots.ox.ac.uk/~vgg/data/dtd/",
            counts={"all": (5640, 0)},
            layout="images/CLASS/NAME.jpg, 47 classes of 120 images",
            folders=("DTD",),
            how_to_get="download the archive from https://www.robots.ox.ac.uk/~vgg/data/dtd/ and unpack it.",
        ),
    )
}
