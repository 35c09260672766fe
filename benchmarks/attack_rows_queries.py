"""Attacks that see scores or labels only, and those that ask nothing, with their peers."""

from __future__ import annotations

import epsball as eb
from attack_rows import L2, LINF, Contest
from peer_calls import NAMES, ORDERS, art, foolbox, pyautoattack, torchattacks

FEW = 1000
"""Queries at which the slow peers take part too."""
FAR = {"linf": 0.15, "l2": 3.0}


def scores() -> list[Contest]:
    """Square, SPSA, SimBA, one pixel."""
    square = [
        Contest(
            f"Square {norm} {queries}",
            lambda queries=queries: eb.Square(steps=queries),  # type: ignore[misc] # the loop's own
            norm,
            {
                "torchattacks": torchattacks("Square", norm=NAMES[norm], eps=FAR[norm], n_queries=queries),
                "pyautoattack": pyautoattack(
                    "SquareAttack", "square", norm=NAMES[norm], eps=FAR[norm], n_queries=queries
                ),
                **(
                    {
                        "ART": art(
                            "SquareAttack",
                            norm=ORDERS[norm],
                            eps=FAR[norm],
                            max_iter=queries // 3,
                            batch_size=512,
                            verbose=False,
                        )
                    }
                    if queries == FEW
                    else {}
                ),
            },
            FAR[norm],
            queries,
            settings=f"{queries} queries, five seeds",
            seeds=5,
        )
        for norm in ("linf", "l2")
        for queries in (1000, 5000)
    ]
    return [
        *square,
        Contest(
            "SPSA linf",
            lambda: eb.SPSA(steps=20, pairs=64, length=0.01),
            "linf",
            {
                "torchattacks": torchattacks(
                    "SPSA", eps=LINF, delta=0.01, lr=0.01, nb_iter=20, nb_sample=64, max_batch_size=64
                )
            },
            LINF,
            settings="20 steps of 128 queries, three seeds",
            seeds=3,
        ),
        Contest(
            "SimBA l2",
            lambda: eb.SimBA(steps=500),
            "l2",
            {},
            L2,
            2000,
            single={
                "ART": art(
                    "SimBA", labels=False, probabilities=True, attack="px", epsilon=0.2, max_iter=784, verbose=False
                )
            },
            settings="2,000 queries, steps of 0.2",
        ),
        Contest(
            "OnePixel l0",
            lambda: eb.OnePixel(pixels=5, candidates=100, generations=20),
            "l0",
            {"torchattacks": torchattacks("OnePixel", pixels=5, steps=20, popsize=100)},
            5,
            2100,
            settings="5 pixels, 2,100 queries, three seeds",
            seeds=3,
        ),
    ]


def labels() -> list[Contest]:
    """Boundary, HopSkipJump, GeoDA, Sign-OPT, Pointwise."""
    return [
        *(
            Contest(
                f"HopSkipJump {norm} {queries}",
                eb.HopSkipJump,
                norm,
                {"foolbox": foolbox("HopSkipJumpAttack", constraint=norm)},
                None,
                queries,
                single={"ART": art("HopSkipJump", norm=ORDERS[norm], max_iter=64, verbose=False)},
                settings=f"{queries} queries, three seeds",
                seeds=3,
            )
            for norm in ("l2", "linf")
            for queries in (1000, 5000)
        ),
        *(
            Contest(
                f"Boundary l2 {queries}",
                eb.Boundary,
                "l2",
                {"foolbox": foolbox("BoundaryAttack", steps=queries)},
                None,
                queries,
                settings=f"{queries} queries",
            )
            for queries in (1000, 5000)
        ),
        Contest(
            "GeoDA l2 1000",
            lambda: eb.GeoDA(directions=900),
            "l2",
            {},
            None,
            1000,
            single={"ART": art("GeoDA", norm=2, max_iter=900, bin_search_tol=0.01, verbose=False)},
            settings="1,000 queries",
        ),
        Contest(
            "SignOPT l2 5000",
            eb.SignOPT,
            "l2",
            {},
            None,
            5000,
            single={"ART": art("SignOPTAttack", targeted=False, query_limit=5000, max_iter=1000)},
            settings="5,000 queries, three seeds",
            seeds=3,
        ),
        Contest(
            "Pointwise l0",
            eb.Pointwise,
            "l0",
            {"foolbox": foolbox("PointwiseAttack", l2_binary_search=False)},
            None,
            3000,
            settings="3,000 queries",
        ),
    ]


def without_search() -> list[Contest]:
    """Noise, blur, contrast, rotation."""
    return [
        Contest(
            "SaltAndPepper l2",
            lambda: eb.SaltAndPepper(draws=75),
            "l2",
            {"foolbox": foolbox("SaltAndPepperNoiseAttack", steps=105)},
            None,
            105,
        ),
        Contest(
            "GaussianBlur l2",
            lambda: eb.GaussianBlur(widest=1.0),
            "l2",
            {"foolbox": foolbox("GaussianBlurAttack", steps=20)},
        ),
        Contest("Contrast l2", eb.Contrast, "l2", {"foolbox": foolbox("BinarySearchContrastReductionAttack")}),
        Contest(
            "AdditiveNoise linf",
            lambda: eb.AdditiveNoise(draws=100),
            "linf",
            {"foolbox": foolbox("LinfRepeatedAdditiveUniformNoiseAttack", 0.3, repeats=100)},
            0.3,
            settings="100 draws, five seeds",
            seeds=5,
        ),
    ]
