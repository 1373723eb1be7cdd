"""dpptag: signed digital-product-passport pointers on NFC and RFID tags."""

__version__ = "0.1.0"
