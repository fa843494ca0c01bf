"""``python -m dalab``, which is also what torchrun starts: ``torchrun -m dalab train RECIPE``."""

from .cli import app

if __name__ == "__main__":
    app()
