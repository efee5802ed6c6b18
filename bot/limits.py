"""What Telegram takes at most, by https://core.telegram.org/bots/api and by TDLib's source.

Characters are those that are seen, in UTF-16 units (`bot.texts.fill.length`). Of what is longer
nobody would read anything: lists come in pages, names and reasons are cut, and `bot.chat.client`
has the last word on what goes out.
"""

# sendMessage, editMessageText.
TEXT = 4096
# For the entries of a list; the rest is for its first and last line.
ROOM = 3800
# sendDocument, editMessageCaption.
CAPTION = 1024
# answerCallbackQuery.
TOAST = 200
# InlineKeyboardMarkup: below one message.
BUTTONS = 100
# InlineKeyboardButton.callback_data, in bytes.
BUTTON_DATA = 64
# setMyCommands.
MENU_ENTRIES = 100
MENU_NAME = 32
MENU_TEXT = 256
# sendDocument, in bytes; a little less than there is, for what is around the file.
FILE = 45_000_000
# Of a file's name, without what follows the last dot: TDLib's clean_filename cuts there.
FILE_STEM = 60
# getUpdates.
UPDATES = 100
# KeyboardButtonRequestUsers.max_quantity.
PICKED = 10
